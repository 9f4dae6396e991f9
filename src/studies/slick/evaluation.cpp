#include "evaluation.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "factsweep/label/spelling.hpp"
#include "factsweep/model/decoding.hpp"

namespace factsweep::slick {

QuestionSet::QuestionSet(const Model& model, const std::vector<Question>& questions,
                         const AnswerFormat& format, bool watch_idk) {
  const std::string idk = spell(*model.tokenizer, format.prompts.idk).text;
  for (const Question& question : questions) {
    const std::string prompt = format.prompts.train.filled(question);
    const std::vector<std::string>& golds =
        golds_.emplace_back(spell_all(*model.tokenizer, accepted_answers(question)));
    items_.push_back(
        make_item(model, prompt, format.lead, golds, AnswerMatcher::make(format.match, golds)));
    if (watch_idk)
      idk_items_.push_back(
          make_item(model, prompt, format.lead, idk, AnswerMatcher::make("strict", idk)));
  }
  // only the greedy answer matters: two candidates a row, nothing but it followed
  settings_.top_k = 2;
  settings_.branch_floor = 2;
  settings_.max_new_tokens = format.max_tokens;
}

std::vector<std::uint8_t> QuestionSet::ask(const Model& model,
                                           const std::function<void(std::int64_t)>& step,
                                           std::vector<std::string>* said) const {
  const auto tell = [&](double, std::int64_t tokens) { step(tokens); };
  std::vector<std::uint8_t> outcomes;
  std::vector<std::string> known;
  for (ProbeResult& result : probe(model, items_, settings_, tell)) {
    outcomes.push_back(result.greedy ? kRight : kWrong);
    known.push_back(std::move(result.said));
  }
  const std::vector<ProbeResult> idk = probe(model, idk_items_, settings_, tell);
  for (std::size_t i = 0; i < idk.size(); ++i) {
    if (!idk[i].greedy) continue;
    outcomes[i] = kNotAnswered;
    known[i] = idk[i].said;
  }
  if (said != nullptr) *said = std::move(known);
  return outcomes;
}

std::vector<std::string> QuestionSet::decode(const Model& model, std::span<const std::size_t> which,
                                             const std::function<void(std::int64_t)>& step) const {
  std::vector<DecodeRequest> requests;
  for (const std::size_t i : which)
    requests.push_back({.prompt = items_.at(i).prompt, .greedy = true});
  std::vector<std::string> texts;
  for (const auto& answers : factsweep::decode(
           model, requests, {.max_new_tokens = settings_.max_new_tokens}, nullptr, step))
    texts.push_back(answers.front().text);
  return texts;
}

double accuracy(std::span<const std::uint8_t> outcomes,
                const std::function<bool(std::size_t)>& wanted) {
  std::int64_t right = 0, total = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i] == kNotAnswered || !wanted(i)) continue;
    ++total;
    right += outcomes[i] == kRight ? 1 : 0;
  }
  return total == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(right) / static_cast<double>(total);
}

double right(std::span<const std::uint8_t> outcomes) {
  if (outcomes.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto count = std::count(outcomes.begin(), outcomes.end(), kRight);
  return static_cast<double>(count) / static_cast<double>(outcomes.size());
}

double answered(std::span<const std::uint8_t> outcomes) {
  if (outcomes.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto silent = std::count(outcomes.begin(), outcomes.end(), kNotAnswered);
  return 1 - static_cast<double>(silent) / static_cast<double>(outcomes.size());
}

}  // namespace factsweep::slick
