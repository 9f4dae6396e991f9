#include "factsweep/edit/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/answer_matcher.hpp"
#include "factsweep/model/decoding.hpp"

namespace factsweep {

namespace {

constexpr const char* kLocality = "locality";

using Questions = std::vector<EditQuestion>;

Questions asking(const std::vector<std::string>& prompts, const std::vector<std::string>& answers) {
  Questions list;
  for (const std::string& prompt : prompts) list.push_back({prompt, answers});
  return list;
}

/// An unrelated answer is compared along its first spelling.
Questions unrelated(const EditRecord& record) {
  Questions list = record.unrelated;
  for (EditQuestion& question : list) question.answers.resize(1);
  return list;
}

}  // namespace

EditEvaluation::EditEvaluation(const Tokenizer& tokenizer, std::span<const EditRecord> records,
                               const AskedPrompt& prompt, std::int64_t batch_tokens,
                               std::int64_t longest)
    : batch_tokens_(batch_tokens) {
  const auto add = [&](const std::string& name, const auto& questions_of) {
    std::vector<Continuation> list;
    std::vector<const EditRecord*> owners;
    Asked& asked = asked_[name];
    for (const EditRecord& record : records) {
      Questions questions = questions_of(record);
      std::erase_if(questions, [](const EditQuestion& q) { return q.answers.empty(); });
      if (questions.empty()) questions.push_back({"", {""}});
      asked.questions.push_back(questions.size());
      for (const EditQuestion& question : questions) {
        asked.answers.push_back(question.answers.size());
        const std::string text = question.prompt.empty() ? "" : prompt(question.prompt);
        for (const std::string& answer : question.answers) {
          list.push_back({text, answer});
          owners.push_back(&record);
        }
      }
    }
    const std::vector<ForcedText>& texts = asked.texts = force(tokenizer, list);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto tokens = static_cast<std::int64_t>(texts[i].ids.size());
      if (longest > 0 && tokens > longest)
        throw InputError(fmt::format(
            "record {}: '{}...' with its answer has {} tokens, but the model has {} positions. "
            "Shorten or drop the record.",
            owners[i]->row + 1, utf8_prefix(texts[i].prompt, 40), tokens, longest));
    }
  };
  const auto with = [](const std::vector<std::string>& prompts, bool old, const EditRecord& record) {
    return asking(prompts, old ? accepted(record.target_old, record.old_aliases)
                               : accepted(record.target_new, record.new_aliases));
  };
  for (const bool old : {false, true}) {
    const std::string suffix = old ? "_old" : "";
    add("reliability" + suffix,
        [&](const EditRecord& record) { return with({record.prompt}, old, record); });
    add("generality" + suffix,
        [&](const EditRecord& record) { return with(record.rephrasings, old, record); });
  }
  add(kLocality, unrelated);
  add("portability", [](const EditRecord& record) { return record.portability; });
}

std::size_t EditEvaluation::locality_rows(std::span<const EditRecord> records) {
  std::size_t rows = 0;
  for (const EditRecord& record : records) rows += std::max<std::size_t>(1, record.unrelated.size());
  return rows;
}

std::vector<double> EditEvaluation::Asked::by_record(const std::vector<double>& values) const {
  std::vector<double> means;
  std::size_t question = 0, text = 0;
  for (const std::size_t count : questions) {
    std::vector<double> best;
    for (std::size_t q = 0; q < count; ++q, ++question) {
      double most = std::numeric_limits<double>::quiet_NaN();
      for (std::size_t a = 0; a < answers[question]; ++a, ++text) most = std::fmax(most, values[text]);
      best.push_back(most);
    }
    means.push_back(mean(best));
  }
  return means;
}

std::map<std::string, std::vector<double>> EditEvaluation::ask(const Model& model,
                                                               const ForcedPredictions& before,
                                                               const EvaluationStep& step) const {
  std::map<std::string, std::vector<double>> outcomes;
  double part = 0;
  const auto told = [&](double fraction, std::int64_t tokens) {
    step((part + fraction) / (2.0 * static_cast<double>(asked_.size())), tokens);
  };
  for (const auto& [name, asked] : asked_) {
    const ForcedPredictions predictions = predict(model, asked.texts, batch_tokens_, told);
    ++part;
    std::vector<double> shares, exact;
    if (name == kLocality) {
      shares = exact = agreement(before, predictions);
      for (double& share : exact) {
        if (!std::isnan(share)) share = share == 1 ? 1 : 0;
      }
    } else {
      shares = token_accuracy(predictions);
      GreedyMatchSettings settings;
      settings.batch_tokens = batch_tokens_;
      exact = greedy_match(model, asked.texts, predictions, settings, told);
    }
    outcomes[name] = asked.by_record(shares);
    outcomes[name + "_exact"] = asked.by_record(exact);
    ++part;
  }
  return outcomes;
}

ForcedPredictions EditEvaluation::predict_locality(const Model& model,
                                                   const EvaluationStep& step) const {
  return predict(model, asked_.at(kLocality).texts, batch_tokens_, step);
}

std::vector<std::string> EditEvaluation::answers(const Model& model, std::size_t count,
                                                 const EvaluationStep& step) const {
  const Asked& asked = asked_.at("reliability");
  std::vector<DecodeRequest> requests;
  std::size_t first = 0;  // a record has one question here
  for (std::size_t i = 0; i < std::min(count, asked.answers.size()); first += asked.answers[i++])
    requests.push_back(
        {.prompt = model.tokenizer->encode(asked.texts[first].prompt, true), .greedy = true});
  const DecodeSettings settings{.max_new_tokens = GreedyMatchSettings{}.max_new_tokens};
  std::vector<std::string> lines;
  for (const auto& decoded :
       decode(model, requests, settings, nullptr, [&](std::int64_t tokens) { step(1, tokens); })) {
    const std::string& text = decoded.front().text;
    lines.emplace_back(AnswerMatcher::trimmed(text.substr(0, text.find('\n'))));
  }
  return lines;
}

double EditEvaluation::locality(const Model& model, const ForcedPredictions& before,
                                const EvaluationStep& step) const {
  return mean(asked_.at(kLocality).by_record(agreement(before, predict_locality(model, step))));
}

std::vector<std::int32_t> EditEvaluation::padded(const ForcedPredictions& predictions,
                                                 std::size_t width) {
  std::vector<std::int32_t> tokens;
  for (std::size_t text = 0; text + 1 < predictions.starts.size(); ++text) {
    const auto first = predictions.predicted.begin() + predictions.starts[text],
               last = predictions.predicted.begin() + predictions.starts[text + 1];
    require(static_cast<std::size_t>(last - first) <= width, "a locality answer is too long");
    tokens.insert(tokens.end(), first, last);
    tokens.resize((text + 1) * width, -1);
  }
  return tokens;
}

ForcedPredictions EditEvaluation::unpadded(std::span<const std::int32_t> tokens,
                                           std::size_t width) const {
  ForcedPredictions predictions;
  for (const ForcedText& text : asked_.at(kLocality).texts) {
    const auto row = tokens.first(width);
    tokens = tokens.subspan(width);
    const auto end = std::find(row.begin(), row.end(), -1);
    predictions.predicted.insert(predictions.predicted.end(), row.begin(), end);
    if (!text.ids.empty())
      predictions.labels.insert(predictions.labels.end(), text.ids.begin() + text.prompt_tokens,
                                text.ids.end());
    predictions.starts.push_back(static_cast<std::int64_t>(predictions.predicted.size()));
  }
  return predictions;
}

double mean(std::span<const double> values) {
  double sum = 0;
  std::size_t count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(count);
}

}  // namespace factsweep
