#include "factsweep/model/model.hpp"

#include <algorithm>

#include "factsweep/model/torch.hpp"
#include "factsweep/model/tokenizer_rows.hpp"
#include "factsweep/text/special_tokens.hpp"

namespace factsweep {

Model Model::load(const std::filesystem::path& directory, torch::Dtype dtype,
                  torch::Device device) {
  Model model;
  model.weights = Weights::load(directory, dtype, device);
  std::shared_ptr<const Tokenizer> tokenizer = Tokenizer::shared(directory);
  // training appends the first, which is the tokenizer's own
  for (const TokenId id : end_tokens(directory, *tokenizer)) {
    if (id < model.weights.config.vocabulary) model.eos.push_back(id);
  }
  for (const TokenId id : model.weights.config.eos) {
    if (!model.is_eos(id)) model.eos.push_back(id);
  }
  model.tokenizer = within_rows(std::move(tokenizer), model.weights.config.vocabulary, directory);
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
