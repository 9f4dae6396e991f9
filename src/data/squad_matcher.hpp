// The SQuAD answer comparison, decided on partial text. Private to the data module.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "factsweep/data/answer_matcher.hpp"
#include "letters.hpp"

namespace factsweep {

/// An answer of one line after the SQuAD normalisation, in NFD.
std::u32string squad_normalised(std::string_view line);

class SquadMatcher : public AnswerMatcher {
 public:
  /// InputError: no such language.
  SquadMatcher(std::string_view gold, const LetterRules& letters, std::string_view language);
  Verdict judge(std::string_view text) const override;
  /// An answer of one line, normalised.
  std::u32string normalised(std::string_view line) const;
  /// Nothing of the gold answer is left.
  bool is_empty() const { return gold_.empty(); }

 private:
  Verdict judge_letters(std::u32string_view letters) const;
  const LetterRules letters_;
  const bool unicode_punctuation_;
  const std::span<const std::u32string_view> articles_;
  std::u32string gold_;  // normalised
};

}  // namespace factsweep
