// Texts against the positions of a model, before it is loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

#include "factsweep/model/model.hpp"

namespace factsweep {

class TextLengths {
 public:
  /// Reads config.json and tokenizer. One that cannot be read is told of when the model is loaded: until
  /// then no text is too long. InputError: see ModelConfig::read().
  explicit TextLengths(const std::filesystem::path& model);

  /// Whether the model cannot read longer texts (its positions are learned). Others can, beyond what
  /// they were trained with.
  bool are_bounded() const;
  /// What is wrong with a text of prompt, answer and `more` tokens, cut to `longest`, that has more
  /// tokens than the model has positions; empty: nothing. What follows ": " in it is of this text alone.
  std::string excess(const std::string& prompt, const std::string& answer, std::int64_t more = 0,
                     std::int64_t longest = std::numeric_limits<std::int64_t>::max()) const;
  /// Of a prompt and of what follows it; none where the tokenizer cannot be read.
  struct Tokens {
    std::int64_t prompt = 0, answer = 0;
  };
  Tokens tokens(const std::string& prompt, const std::string& answer) const;

 private:
  Model model_;                // without weights
  std::int64_t positions_ = 0;  // 0: any text will do
};

}  // namespace factsweep
