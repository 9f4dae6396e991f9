// The texts of an edit as tokens, and what the model computes at the last token of their subject.
//
// Shape legend: M records, C contexts, S texts, D width, F MLP width.
#pragma once

#include <torch/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/edits.hpp"
#include "factsweep/model/model.hpp"

namespace factsweep {

/// A text cut in front of the last token of its subject.
struct CutText {
  std::vector<TokenId> before, after;  // after: the subject's last token first
  std::vector<TokenId> target;  // what should follow the last target.size() tokens of `after`

  std::vector<TokenId> up_to_subject() const;
};

/// A record's texts, special tokens included: for each context its prompt and new answer, with the
/// last token of the answer in `target` alone; then "{subject} is a" up to the subject, without a
/// target. InputError naming the record: no subject in the prompt (of several the last one counts).
std::vector<CutText> cut_texts(const Model& model, const EditRecord& record,
                               const std::vector<std::string>& contexts);

/// A record and its texts.
struct EditRequest {
  const EditRecord* record = nullptr;
  std::vector<CutText> texts;  // as cut_texts() gives them
};
/// The records must outlive the requests.
std::vector<EditRequest> edit_requests(const Model& model, const std::vector<EditRecord>& records,
                                       const std::vector<std::string>& contexts);
/// For each request its texts up to the subject, one a context: [M * C].
std::vector<std::vector<TokenId>> up_to_subjects(std::span<const EditRequest> requests);

/// Input and output of a layer's down projection, and the residual stream after the layer, at the
/// last token of each text; float32.
struct Lookup {
  torch::Tensor keys_SF, outputs_SD, stream_SD;
};
Lookup look_up(const Weights& weights, std::span<const std::vector<TokenId>> texts,
               std::int64_t layer);

/// InputError when the model has no layer `layer`; `editor` is "ROME".
void check_layer(const ModelConfig& config, std::string_view editor, std::int64_t layer);

/// The new answer in one text: " " + target after the prompt. InputError when it has no tokens.
struct PromptAndTarget {
  std::vector<TokenId> prompt, target;
};
PromptAndTarget prompt_and_target(const Model& model, const EditRecord& record,
                                  const std::string& prompt);

}  // namespace factsweep
