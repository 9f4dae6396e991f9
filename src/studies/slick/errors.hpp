// How wrong the test answers of a fine-tuned model are.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "answer_kinds.hpp"
#include "corpus.hpp"
#include "evaluation.hpp"

namespace factsweep::slick {

/// The answers of an evaluation, by question.
struct Answers {
  std::vector<std::uint8_t> outcomes;  // Outcome
  std::vector<std::string> said = {};  // empty where it is not known
  // where they were looked at, else empty:
  std::vector<std::uint8_t> kinds;  // AnswerKind
  std::vector<float> f1;            // NaN: answered "I don't know", which accuracy leaves out
};

/// Of all questions, of whatever split.
GoldAnswers gold_answers(const Corpus& corpus);

class ErrorAnalysis {
 public:
  /// `shown`: answers that D teaches. `format`: of the outcomes.
  ErrorAnalysis(const Corpus& corpus, GoldAnswers shown, const AnswerFormat& format);

  /// Looks at what is wrong of `answers` to all test questions, of which `said` is whole: a right
  /// answer has the gold answer's words, unless it may hold more ("contains").
  void look_at(Answers& answers, const QuestionSet& test) const;

 private:
  const Corpus& corpus_;
  GoldAnswers shown_, all_;
  std::string match_, idk_;
};

/// Decodes the answers of `model` to all test questions that are wrong, or not known.
void complete(Answers& answers, const Model& model, const QuestionSet& test,
              const std::function<void(std::int64_t)>& step);

/// Mean over the questions that were answered; NaN when there is none.
double mean_f1(std::span<const float> f1);

}  // namespace factsweep::slick
