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

ErrorAnalysis::ErrorAnalysis(const Corpus& corpus, GoldAnswers shown, const AnswerFormat& format)
    : corpus_(corpus),
      shown_(std::move(shown)),
      all_(gold_answers(corpus)),
      match_(format.match.rule),
      idk_(format.prompts.idk) {}

void complete(Answers& answers, const Model& model, const QuestionSet& test,
              const std::function<void(std::int64_t)>& step) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < answers.outcomes.size(); ++i) {
    if (answers.outcomes[i] == kWrong || answers.said[i].empty()) open.push_back(i);
  }
  std::vector<std::string> texts = test.decode(model, open, step);
  for (std::size_t k = 0; k < open.size(); ++k) answers.said[open[k]] = std::move(texts[k]);
}

void ErrorAnalysis::look_at(Answers& answers, const QuestionSet& test) const {
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
  for (const std::size_t i : open) {
    const Question& question = corpus_.rows[corpus_.train_rows + i];
    const JudgedAnswer judged =
        judge_error(answers.said[i], test.golds(i), question.relation, shown_, all_, idk_);
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
