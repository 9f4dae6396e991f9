#include "factsweep/edit/evaluation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "factsweep/core/error.hpp"
#include "factsweep/data/answer_matcher.hpp"
#include "factsweep/model/decoding.hpp"

namespace factsweep {

EditEvaluation::EditEvaluation(const Tokenizer& tokenizer, std::span<const EditRecord> records,
                               const AskedPrompt& prompt, std::int64_t batch_tokens,
                               std::int64_t longest)
    : batch_tokens_(batch_tokens) {
  const auto add = [&](const std::string& name, std::string EditRecord::*asked,
                       std::string EditRecord::*target) {
    std::vector<Continuation> list;
    for (const EditRecord& record : records) {
      const std::string& question = record.*asked;
      list.push_back({question.empty() ? "" : prompt(question), record.*target});
    }
    const std::vector<ForcedText>& texts = texts_[name] = force(tokenizer, list);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto tokens = static_cast<std::int64_t>(texts[i].ids.size());
      if (longest > 0 && tokens > longest)
        throw InputError(fmt::format(
            "record {}: '{}...' with its answer has {} tokens, but the model has {} positions. "
            "Shorten or drop the record.",
            records[i].row + 1, texts[i].prompt.substr(0, 40), tokens, longest));
    }
  };
  add("reliability", &EditRecord::prompt, &EditRecord::target_new);
  add("generality", &EditRecord::rephrase, &EditRecord::target_new);
  add("reliability_old", &EditRecord::prompt, &EditRecord::target_old);
  add("generality_old", &EditRecord::rephrase, &EditRecord::target_old);
  add("locality", &EditRecord::locality_prompt, &EditRecord::locality_answer);
}

std::map<std::string, std::vector<double>> EditEvaluation::ask(const Model& model,
                                                               const ForcedPredictions& before,
                                                               const EvaluationStep& step) const {
  std::map<std::string, std::vector<double>> outcomes;
  double part = 0;
  const auto told = [&](double fraction, std::int64_t tokens) {
    step((part + fraction) / (2.0 * static_cast<double>(texts_.size())), tokens);
  };
  for (const auto& [name, texts] : texts_) {
    const ForcedPredictions predictions = predict(model, texts, batch_tokens_, told);
    ++part;
    if (name == "locality") {
      outcomes[name] = agreement(before, predictions);
      std::vector<double>& exact = outcomes[name + "_exact"] = outcomes[name];
      for (double& share : exact) {
        if (!std::isnan(share)) share = share == 1 ? 1 : 0;
      }
    } else {
      outcomes[name] = token_accuracy(predictions);
      GreedyMatchSettings settings;
      settings.batch_tokens = batch_tokens_;
      outcomes[name + "_exact"] = greedy_match(model, texts, predictions, settings, told);
    }
    ++part;
  }
  return outcomes;
}

ForcedPredictions EditEvaluation::predict_locality(const Model& model,
                                                   const EvaluationStep& step) const {
  return predict(model, texts_.at("locality"), batch_tokens_, step);
}

std::vector<std::string> EditEvaluation::answers(const Model& model, std::size_t count,
                                                 const EvaluationStep& step) const {
  const std::vector<ForcedText>& texts = texts_.at("reliability");
  std::vector<DecodeRequest> requests;
  for (const ForcedText& text : std::span(texts).first(std::min(count, texts.size())))
    requests.push_back({.prompt = model.tokenizer->encode(text.prompt, true), .greedy = true});
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
  return mean(agreement(before, predict_locality(model, step)));
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
  for (const ForcedText& text : texts_.at("locality")) {
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
