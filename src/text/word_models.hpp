// The two models that know whole words: WordPiece (BERT), which takes the longest token from the
// left again and again, and WordLevel, which only looks the word up.
#pragma once

#include <string>
#include <vector>

#include "model.hpp"
#include "word_cache.hpp"

namespace factsweep::text {

class WordPiece final : public Model {
 public:
  /// From the `model` object of tokenizer.json.
  explicit WordPiece(const Component& description);
  void encode(std::string_view word, std::vector<TokenId>& ids) const override;

 private:
  bool cut(std::string_view word, std::vector<TokenId>& ids) const;

  std::string unk_token_;
  std::string prefix_;             // of tokens inside a word
  std::size_t longest_word_;       // characters; longer words are unknown as a whole
  std::size_t longest_token_ = 0;  // bytes
  mutable WordCache cache_;
};

class WordLevel final : public Model {
 public:
  /// From the `model` object of tokenizer.json.
  explicit WordLevel(const Component& description);
  void encode(std::string_view word, std::vector<TokenId>& ids) const override;

 private:
  std::string unk_token_;
};

}  // namespace factsweep::text
