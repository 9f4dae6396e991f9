#include "factsweep/model/model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

Model Model::load(const std::filesystem::path& directory, torch::Dtype dtype,
                  torch::Device device) {
  Model model;
  model.weights = Weights::load(directory, dtype, device);
  model.tokenizer = Tokenizer::load(directory);
  if (model.tokenizer->size() > model.weights.config.vocabulary) {
    throw InputError(fmt::format(
        "{}: the tokenizer has {} ids, the embedding only {} rows. Do both belong to one model?",
        directory.string(), model.tokenizer->size(), model.weights.config.vocabulary));
  }
  model.eos = model.weights.config.eos;
  if (const auto eos = model.tokenizer->eos(); eos && !model.is_eos(*eos))
    model.eos.push_back(*eos);
  return model;
}

Model Model::with(Weights other) const {
  return {std::move(other), tokenizer, eos};
}

bool Model::is_eos(TokenId id) const {
  return std::find(eos.begin(), eos.end(), id) != eos.end();
}

bool Model::ends_answer(TokenId id) const {
  return is_eos(id) || tokenizer->piece(id).find('\n') != std::string_view::npos;
}

std::size_t common_prefix(const std::vector<std::vector<TokenId>>& texts) {
  if (texts.empty() || texts.front().empty()) return 0;
  std::size_t length = texts.front().size() - 1;
  for (const auto& text : texts) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(
                                        std::min(length, text.empty() ? 0 : text.size() - 1));
    length = static_cast<std::size_t>(
        std::mismatch(text.begin(), end, texts.front().begin()).first - text.begin());
  }
  return length;
}

}  // namespace factsweep
