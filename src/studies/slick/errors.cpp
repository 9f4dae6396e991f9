#include "errors.hpp"

#include <cmath>
#include <limits>
#include <utility>

namespace factsweep::slick {

GoldAnswers gold_answers(const Corpus& corpus) {
  GoldAnswers all;
  all.add_accepted(corpus.rows);
  for (const auto& [relation, dev] : corpus.dev) all.add_accepted(dev);
  return all;
}

ErrorAnalysis::ErrorAnalysis(const Corpus& corpus, GoldAnswers shown, std::string match)
    : corpus_(corpus),
      shown_(std::move(shown)),
      all_(gold_answers(corpus)),
      match_(std::move(match)) {}

void ErrorAnalysis::look_at(Answers& answers, const Model& model, const QuestionSet& test,
                            const std::function<void(std::int64_t)>& step) const {
  const std::size_t count = answers.outcomes.size();
  std::vector<std::size_t> open;
  answers.kinds.assign(count, static_cast<std::uint8_t>(AnswerKind::right));
  answers.f1.assign(count, 1);
  for (std::size_t i = 0; i < count; ++i) {
    if (answers.outcomes[i] == kNotAnswered) {
      answers.kinds[i] = static_cast<std::uint8_t>(AnswerKind::idk);
      answers.f1[i] = std::numeric_limits<float>::quiet_NaN();
    } else if (answers.outcomes[i] == kWrong || match_ == "contains") {
      open.push_back(i);
    }
  }
  const std::vector<std::string> texts = test.decode(model, open, step);
  for (std::size_t k = 0; k < open.size(); ++k) {
    const std::size_t i = open[k];
    const Question& question = corpus_.rows[corpus_.train_rows + i];
    const JudgedAnswer judged =
        judge_error(texts[k], test.golds(i), question.relation, shown_, all_);
    answers.f1[i] = static_cast<float>(judged.f1);
    if (answers.outcomes[i] == kWrong) answers.kinds[i] = static_cast<std::uint8_t>(judged.kind);
  }
}

double mean_f1(std::span<const float> f1) {
  double sum = 0;
  std::size_t count = 0;
  for (const float value : f1) {
    if (std::isnan(value)) continue;
    sum += static_cast<double>(value);
    ++count;
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

}  // namespace factsweep::slick
