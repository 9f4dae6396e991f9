#include "outcomes.hpp"

#include "factsweep/studies/support/training.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

constexpr const char* kPortability = "portability";

std::string long_name(const std::string& outcome) {
  const bool old = outcome.find("_old") != std::string::npos, exact = outcome.ends_with("_exact");
  std::string about = old ? "old answer" : "new answer";
  if (outcome.starts_with("reliability")) about += " to the question";
  if (outcome.starts_with("generality")) about += " to the rephrased question";
  if (outcome.starts_with("locality")) about = "unchanged answer to the unrelated question";
  if (outcome.starts_with("portability")) about = "answer that follows from the new one";
  if (!exact) return about + ", share of answer tokens";
  return about + (outcome.starts_with("locality") ? ", every token" : ", whole and ended");
}

/// What an evaluation finds of each record, and its mean.
struct OutcomeColumns {
  std::string name;
  Column<double> mean;
  Column<float> by_record;
};

const std::vector<OutcomeColumns>& outcome_columns() {
  static const std::vector<OutcomeColumns> all = [] {
    std::vector<OutcomeColumns> columns;
    for (const char* outcome :
         {"reliability", "generality", "locality", "reliability_exact", "generality_exact",
          "locality_exact", "reliability_old", "generality_old", "reliability_old_exact",
          "generality_old_exact", kPortability, "portability_exact"}) {
      const std::string name = outcome;
      columns.push_back(
          {name, column<double>("/points/" + name, {"point"}, "fraction", long_name(name)),
           column<float>("/outcomes/" + name, {"point", "record"}, "fraction", long_name(name))});
    }
    return columns;
  }();
  return all;
}

const auto kCases = [] {
  auto text = column<std::string>("/cases/answer", {"point", "case"}, "",
                                  "greedy answer to the question of a record");
  text.text_length = 128;
  return text;
}();

}  // namespace

std::size_t case_count(const Deck& deck) {
  return static_cast<std::size_t>(deck.integer(kCasesKey));
}

std::vector<AnyColumn> evaluation_columns(const Deck& deck, bool portability) {
  std::vector<AnyColumn> all = {kRecords, kEditSeconds, kLossRose};
  if (case_count(deck) > 0) all.emplace_back(kCases);
  for (const OutcomeColumns& outcome : outcome_columns()) {
    if (portability || !outcome.name.starts_with(kPortability))
      all.insert(all.end(), {outcome.mean, outcome.by_record});
  }
  return all;
}

std::vector<std::string> evaluation_keys() {
  return {"flearning.evaluation_template", "flearning.batch_tokens"};
}

EditEvaluation evaluation_of(std::span<const EditRecord> records, const Model& model,
                             const Deck& deck) {
  const auto prompt = [&](const std::string& question) {
    return evaluation_prompt(deck, question);
  };
  const ModelConfig& config = model.weights.config;
  return {*model.tokenizer, records, prompt, deck.integer("flearning.batch_tokens"),
          config.position == PositionKind::learned ? config.positions : 0};
}

ForcedPredictions original_locality(StageRun& run, const Worker& worker, const Ground& ground,
                                    const EditEvaluation& asked, std::size_t first) {
  const std::vector<std::int32_t> tokens = run.input(*ground.original, kLocality);
  const std::span<const EditRecord> records = ground.records(worker);
  const std::size_t width = tokens.size() / EditEvaluation::locality_rows(records),
                    before = EditEvaluation::locality_rows(records.first(first));
  return asked.unpadded(std::span(tokens).subspan(before * width), width);
}

void emit_outcomes(StageRun& run, const std::map<std::string, std::vector<double>>& outcomes,
                   bool portability) {
  for (const OutcomeColumns& outcome : outcome_columns()) {
    if (!portability && outcome.name.starts_with(kPortability)) continue;
    const std::vector<double>& values = outcomes.at(outcome.name);
    run.emit(outcome.mean, mean(values));
    run.emit_padded(outcome.by_record, std::vector<float>(values.begin(), values.end()));
  }
  run.emit(kRecords, static_cast<std::int64_t>(outcomes.begin()->second.size()));
}

void emit_cases(StageRun& run, std::vector<std::string> answers) {
  if (case_count(run.deck()) > 0) run.emit_padded(kCases, std::move(answers), std::string());
}

void evaluate(StageRun& run, const Worker& worker, const Ground& ground,
              std::span<const EditRecord> asked, const Model& model) {
  const EditEvaluation evaluation = evaluation_of(asked, model, run.deck());
  emit_outcomes(run,
                evaluation.ask(model, original_locality(run, worker, ground, evaluation),
                               run.steps()),
                ground.has_portability(worker));
  emit_cases(run, evaluation.answers(model, case_count(run.deck()), run.steps()));
  worker.abilities.emit(run, model);
}

}  // namespace factsweep::flearning
