// The `model` of tokenizer.json: from one word to token ids. BPE, Unigram, WordPiece, WordLevel.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "component.hpp"
#include "vocabulary.hpp"

namespace factsweep::text {

class Model {
 public:
  virtual ~Model() = default;
  /// Appends the ids of `word` (valid UTF-8). InputError where the vocabulary lacks a character and
  /// has no token for the unknown.
  virtual void encode(std::string_view word, std::vector<TokenId>& ids) const = 0;
  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}
  const Vocabulary vocabulary_;
};

/// From the `model` object. UnknownComponent names a type that is not implemented.
std::unique_ptr<Model> make_model(const Component& description);

/// From an object of token: id. InputError: no integer, out of range, two tokens with one id.
Vocabulary read_vocabulary(const Component& object);

/// The ids of <0x00>..<0xFF>, which stand for the bytes of unknown characters; -1 where there is
/// none.
std::vector<TokenId> byte_tokens(const Vocabulary& vocabulary);

}  // namespace factsweep::text
