// Byte-pair encoding of one word: the adjacent pair of lowest rank is merged until none is left.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "component.hpp"
#include "vocabulary.hpp"

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

/// From an object of token: id.
Vocabulary read_vocabulary(const Component& object);

class Bpe {
 public:
  /// `place(i)` names where merge i stands ("merges.txt:17"), for the error about its unknown
  /// tokens.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
      const std::function<std::string(std::size_t)>& place);
  /// From the `model` object of tokenizer.json.
  static Bpe from(const Component& model);

  void encode(std::string_view word, std::vector<TokenId>& ids) const;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  struct Result {
    std::uint32_t rank;
    TokenId id;
  };
  struct PairHash {
    std::size_t operator()(std::uint64_t pair) const { return pair * 0x9e3779b97f4a7c15 >> 16; }
  };
  struct Symbol;

  std::vector<TokenId> characters(std::string_view word) const;
  void merge(std::vector<TokenId>& ids) const;
  const Result* find(TokenId left, TokenId right) const;

  Vocabulary vocabulary_;
  BpeOptions options_;
  std::optional<TokenId> unk_;
  std::vector<std::optional<TokenId>> byte_tokens_;
  std::unordered_map<std::uint64_t, Result, PairHash> merges_;
  mutable StringMap<std::vector<TokenId>> cache_;  // words seen, bounded
};

}  // namespace factsweep::text
