// Gold answers as a tokenizer writes them: what its normalizer changes no model can answer.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

struct Spelling {
  std::string text;      // what the answer's tokens spell, else the answer; no space at its ends
  bool possible = true;  // false: the vocabulary lacks a character, so no tokens spell the answer
};

/// `answer` through the tokenizer and back: a matcher for the result knows the answer that a model
/// can give. A tokenizer without a normalizer changes nothing but white space at the ends.
Spelling spell(const Tokenizer& tokenizer, std::string_view answer);

/// The texts of several answers in their order, those that are spelt alike once.
std::vector<std::string> spell_all(const Tokenizer& tokenizer,
                                   std::span<const std::string> answers);

}  // namespace factsweep
