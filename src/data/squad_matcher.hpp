// The SQuAD answer comparison, decided on partial text. Private to the data module.
#pragma once

#include "factsweep/data/answer_matcher.hpp"

namespace factsweep {

/// An answer of one line after the SQuAD normalisation, in NFD.
std::u32string squad_normalised(std::string_view line);

class SquadMatcher : public AnswerMatcher {
 public:
  explicit SquadMatcher(std::string_view gold);
  Verdict judge(std::string_view text) const override;
  /// Nothing of the gold answer is left.
  bool is_empty() const { return gold_.empty(); }

 private:
  Verdict judge_letters(std::u32string_view letters) const;
  std::u32string gold_;  // normalised
};

}  // namespace factsweep
