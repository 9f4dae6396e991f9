#include "lookup.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr std::int64_t kBatchTokens = 4096;  // of one pass

/// Keeps what the down projection of one layer sees and gives in some rows.
class Capture : public LinearHook {
 public:
  Capture(std::int64_t layer, Tensor rows) : layer_(layer), rows_(std::move(rows)) {}
  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    if (layer == layer_ && linear == dense::down) {
      key = x.index_select(0, rows_);
      output = y.index_select(0, rows_);
    }
    return y;
  }
  mutable Tensor key, output;

 private:
  const std::int64_t layer_;
  const Tensor rows_;
};

/// Index of the last of the tokens that spell text[0, end), in the tokens of the whole text.
std::size_t last_token(const Model& model, std::string_view text, std::size_t end,
                       std::size_t tokens) {
  const std::size_t spelled = model.tokenizer->encode(text.substr(0, end), true).size();
  // a token may reach over the end and join pieces that the cut text has apart
  return std::min(spelled, tokens) - 1;
}

CutText cut(std::vector<TokenId> tokens, std::size_t at) {
  const auto middle = tokens.begin() + static_cast<std::ptrdiff_t>(at);
  return {{tokens.begin(), middle}, {middle, tokens.end()}, {}};
}

}  // namespace

std::vector<TokenId> CutText::up_to_subject() const {
  std::vector<TokenId> tokens = before;
  tokens.push_back(after.front());
  return tokens;
}

PromptAndTarget prompt_and_target(const Model& model, const EditRecord& record,
                                  const std::string& prompt) {
  ProbeItem item = make_item(model, prompt, " ", record.target_new, nullptr);
  if (record.target_new.empty() || item.gold.empty() || item.prompt.empty()) {
    throw InputError(fmt::format("record {}: the prompt or its new answer is empty ('{}', '{}').",
                                 record.row + 1, prompt, record.target_new));
  }
  return {std::move(item.prompt), std::move(item.gold)};
}

std::vector<CutText> cut_texts(const Model& model, const EditRecord& record,
                               const std::vector<std::string>& contexts) {
  require(!contexts.empty() && contexts.front() == "{}", "cut_texts: the first context is {}");
  const std::size_t subject = place_of_subject(record);
  if (subject == std::string::npos) {
    throw InputError(fmt::format(
        "record {}: the subject '{}' does not occur in the prompt '{}'. ROME and MEMIT edit what "
        "the model looks up at the subject's last token; correct or drop the record.",
        record.row + 1, record.subject, record.prompt));
  }
  std::vector<CutText> texts;
  for (const std::string& context : contexts) {
    const std::size_t place = context.find("{}");
    require(place != std::string::npos, "cut_texts: a context without {}");
    const std::string text = context.substr(0, place) + record.prompt + context.substr(place + 2);
    auto [prompt, target] = prompt_and_target(model, record, text);
    const std::size_t at =
        last_token(model, text, place + subject + record.subject.size(), prompt.size());
    prompt.insert(prompt.end(), target.begin(), target.end() - 1);
    texts.push_back(cut(std::move(prompt), at));
    texts.back().target = std::move(target);
  }
  const std::string essence = record.subject + " is a";
  std::vector<TokenId> tokens = model.tokenizer->encode(essence, true);
  const std::size_t at = last_token(model, essence, record.subject.size(), tokens.size());
  tokens.resize(at + 1);
  texts.push_back(cut(std::move(tokens), at));
  return texts;
}

std::vector<EditRequest> edit_requests(const Model& model, const std::vector<EditRecord>& records,
                                       const std::vector<std::string>& contexts) {
  require(!records.empty(), "edit_requests: nothing to edit");
  std::vector<EditRequest> requests;
  for (const EditRecord& record : records)
    requests.push_back({&record, cut_texts(model, record, contexts)});
  return requests;
}

std::vector<std::vector<TokenId>> up_to_subjects(std::span<const EditRequest> requests) {
  std::vector<std::vector<TokenId>> texts;
  for (const EditRequest& request : requests) {
    for (const CutText& text : request.texts) {
      if (!text.target.empty()) texts.push_back(text.up_to_subject());
    }
  }
  return texts;
}

Lookup look_up(const Weights& weights, std::span<const std::vector<TokenId>> texts,
               std::int64_t layer) {
  torch::NoGradGuard no_grad;
  const std::int64_t start = 0;
  std::vector<Tensor> keys, outputs, streams;
  for (std::size_t begin = 0, end = 0; begin < texts.size(); begin = end) {
    std::int64_t tokens = 0;
    std::vector<std::int64_t> last;
    while (end < texts.size() && (tokens < kBatchTokens || end == begin)) {
      tokens += static_cast<std::int64_t>(texts[end++].size());
      last.push_back(tokens - 1);
    }
    const PackedTokens packed = PackedTokens::pack(texts.subspan(begin, end - begin), {&start, 1},
                                                   weights.embedding.device(), {last});
    const Tensor& rows = packed.lists[0];
    const Capture capture(layer, rows);
    const Tensor stream =
        hidden_states(weights, packed, {.hook = &capture, .end_layer = layer + 1});
    keys.push_back(capture.key.to(torch::kFloat32));
    outputs.push_back(capture.output.to(torch::kFloat32));
    streams.push_back(stream.index_select(0, rows).to(torch::kFloat32));
  }
  return {torch::cat(keys), torch::cat(outputs), torch::cat(streams)};
}

void check_layer(const ModelConfig& config, std::string_view editor, std::int64_t layer) {
  if (layer >= 0 && layer < config.layers) {
    if (!config.has_experts(layer)) return;
    throw InputError(
        fmt::format("{} edits the last matrix of an MLP, and layer {} of a {} has experts instead. "
                    "Choose another layer or model.",
                    editor, layer, config.architecture));
  }
  throw InputError(
      fmt::format("{} is to edit layer {}, but the model has layers 0 to {} only. Choose another "
                  "layer; presets are made for models of 28 or 32 layers.",
                  editor, layer, config.layers - 1));
}

}  // namespace factsweep
