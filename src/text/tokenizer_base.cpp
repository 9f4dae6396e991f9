#include "tokenizer_base.hpp"

namespace factsweep::text {

void TokenizerBase::set_tokens(const Vocabulary& vocabulary, const std::vector<AddedToken>& added,
                               Decoder decoder) {
  decoder_ = std::move(decoder);
  special_.assign(vocabulary.size(), false);
  for (const AddedToken& token : added) {
    if (token.special) special_[*token.id] = true;
  }
  tokens_.resize(vocabulary.size());
  pieces_.resize(vocabulary.size());
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (special_[id] || vocabulary.text(id).empty()) continue;
    tokens_[id] = vocabulary.text(id);
    pieces_[id] = decoder_.piece(tokens_[id]);
  }
}

void TokenizerBase::set_special(std::optional<TokenId> bos, std::optional<TokenId> eos) {
  bos_ = bos;
  eos_ = eos;
}

std::string TokenizerBase::decode(std::span<const TokenId> ids) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    if (is_known(id) && !tokens_[id].empty()) tokens.push_back(tokens_[id]);
  }
  return decoder_.decode(std::move(tokens));
}

std::string_view TokenizerBase::piece(TokenId id) const {
  return is_known(id) ? std::string_view(pieces_[id]) : std::string_view();
}

bool TokenizerBase::is_special(TokenId id) const {
  return is_known(id) && special_[id];
}

}  // namespace factsweep::text
