// What a fine-tuned model answers: greedy exact match on fixed question sets, and the tallies the
// paper plots.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "factsweep/label/labelling.hpp"

namespace factsweep::slick {

/// Outcome of one question, as in /predictions.
enum Outcome : std::uint8_t { kWrong = 0, kRight = 1, kNotAnswered = 2 };

/// How a fine-tuned model is asked (SliCK, appendix E).
struct AnswerFormat {
  Prompts prompts;
  std::string lead;              // between the prompt and the answer: "" or " "
  MatchRules match;
  std::int64_t max_tokens = 32;
};

class QuestionSet {
 public:
  /// Any of a question's accepted answers counts as right; `watch_idk`: look for prompts.idk too.
  QuestionSet(const Model& model, const std::vector<Question>& questions,
              const AnswerFormat& format, bool watch_idk);

  /// Greedy outcomes of `model` (the same tokenizer), in question order. `said`: the answers as far
  /// as they are known of this, else empty.
  std::vector<std::uint8_t> ask(const Model& model, const std::function<void(std::int64_t)>& step,
                                std::vector<std::string>* said = nullptr) const;
  /// The greedy answers of `model` to some of the questions, in the order of `which`.
  std::vector<std::string> decode(const Model& model, std::span<const std::size_t> which,
                                  const std::function<void(std::int64_t)>& step) const;
  std::size_t size() const { return items_.size(); }
  /// The right answers as the tokenizer spells them.
  const std::vector<std::string>& golds(std::size_t i) const { return golds_.at(i); }

 private:
  std::vector<std::vector<std::string>> golds_;
  std::vector<ProbeItem> items_, idk_items_;
  ProbeSettings settings_;
};

/// Right answers over answered questions, of those with `wanted(i)`; NaN when there is none.
double accuracy(std::span<const std::uint8_t> outcomes,
                const std::function<bool(std::size_t)>& wanted);
/// Right answers over all questions; NaN when there is none.
double right(std::span<const std::uint8_t> outcomes);
/// Answered questions over all; NaN when there is none.
double answered(std::span<const std::uint8_t> outcomes);

}  // namespace factsweep::slick
