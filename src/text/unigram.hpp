// The unigram language model of SentencePiece: the cut of a word whose pieces have the highest sum
// of scores, found by Viterbi's algorithm with the tie rules of Hugging Face's tokenizers.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model.hpp"
#include "pair_map.hpp"
#include "word_cache.hpp"

namespace factsweep::text {

struct UnigramOptions {
  std::optional<TokenId> unk;
  bool byte_fallback = false;  // unknown characters as tokens <0x00>..<0xFF>
};

class Unigram final : public Model {
 public:
  /// `scores[id]` belongs to the token `id` of `vocabulary`.
  Unigram(Vocabulary vocabulary, std::vector<double> scores, UnigramOptions options);

  void encode(std::string_view word, std::vector<TokenId>& ids) const override;

 private:
  struct Step;  // the best way to a position

  std::vector<Step> best_path(std::string_view word) const;
  void push(std::string_view piece, std::vector<TokenId>& ids) const;
  TokenId unknown() const;

  std::vector<double> scores_;
  UnigramOptions options_;
  std::vector<TokenId> byte_tokens_;  // empty without byte fallback
  double unknown_score_;
  PairMap<std::uint32_t> children_;  // (node, byte) of the trie of all tokens; its root is node 0
  std::vector<TokenId> token_at_;    // by node, -1: no token ends there
  mutable WordCache cache_;
};

/// From the `model` object of tokenizer.json.
std::unique_ptr<Model> make_unigram(const Component& description);

}  // namespace factsweep::text
