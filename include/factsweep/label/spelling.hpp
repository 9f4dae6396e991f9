// Gold answers as a tokenizer writes them: what its normalizer changes no model can answer.
#pragma once

#include <filesystem>
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

struct AskedAnswer {
  std::string_view question, answer;
  std::span<const std::string> aliases = {};  // right, too
};

/// A warning that counts the gold answers of `source` that no tokens of the model spell, nor an
/// alias; none where there is no such answer. A tokenizer that cannot be read is told of when the
/// model is loaded.
std::vector<std::string> spelling_warnings(const std::filesystem::path& model,
                                           const std::string& source,
                                           std::span<const AskedAnswer> answers);

}  // namespace factsweep
