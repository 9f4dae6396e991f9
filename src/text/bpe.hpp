// Byte-pair encoding of one word: the adjacent pair of lowest rank is merged until none is left.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"
#include "pair_map.hpp"
#include "word_cache.hpp"

namespace factsweep::text {

struct Merge {
  std::string left;
  std::string right;
};

struct BpeOptions {
  bool ignore_merges = false;  // a word that is a token needs no merging
  bool byte_fallback = false;  // unknown characters as tokens <0x00>..<0xFF>
  bool fuse_unk = false;       // neighbouring unknown characters are one token
  std::string unk_token;       // empty: unknown characters vanish
  std::string continuing_subword_prefix;
  std::string end_of_word_suffix;
};

class Bpe final : public Model {
 public:
  /// `place(i)` names where merge i is written ("merges.txt:17"), for the error about its unknown
  /// tokens.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
      const std::function<std::string(std::size_t)>& place);

  void encode(std::string_view word, std::vector<TokenId>& ids) const override;

 private:
  struct Result {
    std::uint32_t rank = 0;
    TokenId id = 0;
  };
  struct Symbol;

  std::optional<TokenId> find_character(std::string_view character, bool first, bool last) const;
  bool push_bytes(std::string_view bytes, std::vector<TokenId>& ids) const;
  std::vector<TokenId> characters(std::string_view word) const;
  void merge(std::vector<TokenId>& ids) const;
  void merge_short(std::vector<TokenId>& ids) const;
  void merge_long(std::vector<TokenId>& ids) const;
  const Result* find(TokenId left, TokenId right) const {
    return merges_.find(pack(static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(right)));
  }

  BpeOptions options_;
  bool is_plain_;  // neither prefix nor suffix: a character's token depends on nothing else
  std::optional<TokenId> unk_;
  std::vector<TokenId> byte_tokens_;  // empty without byte fallback
  std::vector<TokenId> characters_;   // by code point below 2^16, -1: no such token
  PairMap<Result> merges_;
  mutable WordCache cache_;
};

/// From the `model` object of tokenizer.json.
std::unique_ptr<Model> make_bpe(const Component& description);

}  // namespace factsweep::text
