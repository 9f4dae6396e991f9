// How well an edit took: EasyEdit's token-level metric from one teacher-forced pass, and whether
// the greedy answer is the target.
//
// EasyEdit (easyeditor/evaluate, compute_edit_quality): the text is prompt + " " +
// target, tokenised whole with special tokens; the prompt alone is tokenised only for its length p.
// The prediction of token i is the argmax after token i - 1. Reliability and generality are the
// share of tokens p.. predicted rightly, locality the share predicted alike before and after the
// edit. (EasyEdit's versions of 2023 also cut texts at 40 tokens, and with them some targets; newer
// ones do not, nor do we.)
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/model/model.hpp"

namespace factsweep {

struct Continuation {
  std::string prompt, target;  // an empty prompt or target: nothing to measure
};

/// A continuation in tokens, which hold for every model with the same tokenizer.
struct ForcedText {
  std::string prompt, target;      // the target with its lead: the text is prompt + target
  std::vector<TokenId> ids;        // of the whole text; empty: nothing to measure
  std::int64_t prompt_tokens = 0;  // p
  bool continues = false;          // ids begin with the tokens of the prompt alone
};

/// One text for each of `continuations`, in order. `lead`: " " for EasyEdit's metric.
std::vector<ForcedText> force(const Tokenizer& tokenizer,
                              std::span<const Continuation> continuations,
                              std::string_view lead = " ");

/// Text t has the target tokens [starts[t], starts[t + 1]), none where there is nothing to measure.
struct ForcedPredictions {
  std::vector<std::int64_t> starts = {0};
  std::vector<TokenId> predicted, labels;
  std::vector<TokenId> following;  // [texts] the argmax after the whole text; -1: no token
};

/// Texts of like length go through the model together, about `batch_tokens` a pass; argmax as in
/// find_candidates(), bfloat16 weights included. step(fraction, tokens) is called after each pass.
/// InputError: logits that are not finite.
ForcedPredictions predict(const Model& model, std::span<const ForcedText> texts,
                          std::int64_t batch_tokens,
                          const std::function<void(double, std::int64_t)>& step);

/// The share of target tokens that each text predicts rightly; NaN where it has none.
std::vector<double> token_accuracy(const ForcedPredictions& predictions);

/// The share of each text's target tokens that both predict alike; NaN where it has none. Both
/// come from the same texts.
std::vector<double> agreement(const ForcedPredictions& before, const ForcedPredictions& after);

struct GreedyMatchSettings {
  std::string rule = "strict";       // see AnswerMatcher::make()
  std::int64_t max_new_tokens = 32;  // an answer ends there: a longer target never matches
  std::int64_t batch_tokens = 4096;  // of one forward pass
};

/// Does the answer that greedy decoding of the prompt gives, up to its first newline or EOS, match
/// the target? 1, 0, or NaN of a text without tokens. `predictions` are the model's own of `texts`.
///
/// Almost nothing is decoded for this. While greedy decoding agrees with the target's tokens it
/// sees what the teacher-forced pass saw; where it parts from them, or after them, one token
/// nearly always settles the matter: the answer has ended, or can no longer match. What is left
/// (another tokenisation of the target, a prompt whose last token merges with the target) goes to
/// probe().
std::vector<double> greedy_match(const Model& model, std::span<const ForcedText> texts,
                                 const ForcedPredictions& predictions,
                                 const GreedyMatchSettings& settings,
                                 const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
