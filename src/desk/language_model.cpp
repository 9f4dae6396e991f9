#include "factsweep/desk/language_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/moe/moe.hpp"

namespace factsweep {
namespace {

Weights adapted(const Weights& base, const std::string& model,
                const std::vector<std::string>& directories) {
  std::vector<LoraAdapter> adapters;
  for (const std::string& directory : directories) {
    if (is_mixture(directory)) {
      if (directories.size() > 1)
        throw InputError(fmt::format(
            "command line: --adapter {} is a mixture of experts, which works alone.", directory));
      return with_experts(base, MoeAdapter::load(directory, base));
    }
    adapters.push_back(LoraAdapter::load(directory, base));
    const std::string other = other_base(adapters.back().config(), model);
    if (!other.empty()) console::info("{}: {}", directory, other);
  }
  return with_adapters(base, adapters);
}

/// A model with learned positions has no place for longer texts.
void check_length(const Model& model, const Prompt& prompt, std::size_t tokens) {
  const ModelConfig& config = model.weights.config;
  if (config.position != PositionKind::learned) return;
  if (static_cast<std::int64_t>(tokens) > config.positions)
    throw InputError(fmt::format(
        "{}: the text has {} tokens, more than the {} positions that the model has. Shorten it.",
        prompt.where, tokens, config.positions));
}

std::vector<TokenId> encode(const Model& model, const Prompt& prompt) {
  std::vector<TokenId> ids = model.tokenizer->encode(prompt.text, true);
  if (ids.empty()) throw InputError(fmt::format("{}: the prompt has no token.", prompt.where));
  return ids;
}

DecodeSettings decode_settings(const GenerationSettings& settings) {
  DecodeSettings decoding{.max_new_tokens = settings.max_new_tokens, .stop_at_newline = false};
  if (settings.temperature == 0) {
    decoding.top_k = 2;
    return decoding;
  }
  decoding.temperature = settings.temperature;
  decoding.top_k = settings.top_k;
  decoding.top_p = settings.top_p;
  return decoding;
}

/// Where the first of `stops` begins in `text`; npos: nowhere.
std::size_t first_stop(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t first = std::string_view::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return first;
}

}  // namespace

LanguageModel::LanguageModel(const std::string& directory, const std::string& dtype,
                             const std::string& device, const std::vector<std::string>& adapters) {
  Model model = Model::load(directory, parse_dtype(dtype), torch::Device(device));
  if (!adapters.empty()) model.weights = adapted(model.weights, directory, adapters);
  model_ = std::make_shared<const Model>(std::move(model));
}

std::vector<std::vector<GeneratedText>> LanguageModel::generate(const std::vector<Prompt>& prompts,
                                                                const GenerationSettings& settings,
                                                                std::uint64_t first) const {
  const bool greedy = settings.temperature == 0;
  std::vector<DecodeRequest> requests;
  for (const Prompt& prompt : prompts) {
    std::vector<TokenId> ids = encode(*model_, prompt);
    check_length(*model_, prompt, ids.size());
    requests.push_back({std::move(ids), greedy, greedy ? 0 : settings.samples,
                        hash_words({settings.seed, first++})});
  }
  const auto go_on = [&](std::size_t, std::string_view text) {
    return first_stop(text, settings.stops) == std::string_view::npos;
  };
  std::vector<std::vector<GeneratedText>> answers;
  for (std::vector<Decoded>& list :
       decode(*model_, requests, decode_settings(settings), go_on, [](std::int64_t) {})) {
    std::vector<GeneratedText>& texts = answers.emplace_back();
    for (Decoded& answer : list) {
      const std::string text = model_->tokenizer->decode(answer.ids);
      std::size_t end = first_stop(text, settings.stops);
      // decoding drops a first space that the stop text may begin with
      if (end == std::string::npos && !go_on(0, answer.text)) end = 0;
      texts.push_back({text.substr(0, end), std::move(answer.ids)});
    }
  }
  return answers;
}

CompletionScore LanguageModel::score(const Prompt& prompt, const std::string& completion) const {
  torch::NoGradGuard no_grad;
  std::vector<TokenId> ids = encode(*model_, prompt);
  const std::vector<TokenId> wanted = model_->tokenizer->encode(completion);
  if (wanted.empty())
    throw InputError(fmt::format("{}: the completion has no token.", prompt.where));
  const auto first = static_cast<std::int64_t>(ids.size()) - 1,
             count = static_cast<std::int64_t>(wanted.size()), start = std::int64_t{0};
  ids.insert(ids.end(), wanted.begin(), wanted.end() - 1);
  check_length(*model_, prompt, ids.size());
  const torch::Device device = model_->device();
  const PackedTokens packed = PackedTokens::pack({&ids, 1}, {&start, 1}, device);
  const torch::Tensor rows = torch::arange(
      first, first + count, torch::TensorOptions().dtype(torch::kInt64).device(device));
  const torch::Tensor scores =
      logits(model_->weights, hidden_states(model_->weights, packed, {.rows_R = rows}))
          .to(torch::kFloat32);
  const torch::Tensor target =
      torch::tensor(std::vector<std::int64_t>(wanted.begin(), wanted.end()));
  const torch::Tensor log_p = scores.log_softmax(1)
                                  .gather(1, target.to(device).unsqueeze(1))
                                  .squeeze(1)
                                  .to(torch::kFloat64)
                                  .cpu();
  const torch::Tensor best = scores.argmax(1).cpu();
  CompletionScore score{
      .log_probabilities = {log_p.data_ptr<double>(), log_p.data_ptr<double>() + count},
      .sum = log_p.sum().item<double>(),
      .predicted = {best.data_ptr<std::int64_t>(), best.data_ptr<std::int64_t>() + count},
      .greedy = best.equal(target)};
  if (!std::isfinite(score.sum))
    throw InputError(fmt::format(
        "{}: the model's logits are not finite: its weights hold nan or infinity.", prompt.where));
  score.perplexity = std::exp(-score.sum / static_cast<double>(count));
  return score;
}

}  // namespace factsweep
