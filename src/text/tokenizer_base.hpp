// What all tokenizers share once their tokens are known: decoding, the bytes of a token, the
// special tokens.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "added_tokens.hpp"
#include "decoder.hpp"
#include "factsweep/text/tokenizer.hpp"
#include "vocabulary.hpp"

namespace factsweep::text {

class TokenizerBase : public Tokenizer {
 public:
  std::string decode(std::span<const TokenId> ids) const final;
  /// Empty for ids at or past size() too: models pad their vocabulary.
  std::string_view piece(TokenId id) const final;
  std::int32_t size() const final { return static_cast<std::int32_t>(tokens_.size()); }
  std::optional<TokenId> bos() const final { return bos_; }
  std::optional<TokenId> eos() const final { return eos_; }
  bool is_special(TokenId id) const final;

 protected:
  TokenizerBase() = default;
  void set_tokens(const Vocabulary& vocabulary, const std::vector<AddedToken>& added,
                  Decoder decoder);
  void set_special(std::optional<TokenId> bos, std::optional<TokenId> eos);

 private:
  bool is_known(TokenId id) const { return id >= 0 && id < size(); }

  Decoder decoder_;
  std::vector<std::string> tokens_;  // empty where there is no token or a special one
  std::vector<std::string> pieces_;
  std::vector<bool> special_;
  std::optional<TokenId> bos_;
  std::optional<TokenId> eos_;
};

}  // namespace factsweep::text
