#include "asking.hpp"

#include <algorithm>

#include "../options.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/training.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

constexpr const char* kLikeliest = "right option is the likeliest";
constexpr const char* kLikeliestByMean = "right option is the likeliest, by mean over tokens";

Column<double> share(const std::string& name, const std::string& long_name) {
  return column<double>("/points/" + name, {"point"}, "fraction", long_name);
}

Column<std::uint8_t> outcome(const std::string& name, const std::string& long_name) {
  return column<std::uint8_t>("/outcomes/" + name, {"point", "example"}, "1", long_name);
}

const auto kBySum = share("accuracy_by_sum", kLikeliest);
const auto kByMean = share("accuracy_by_mean", kLikeliestByMean);
const auto kAnswered = share("answered", "generated texts that hold an answer");
const auto kRight = outcome("right", "generated answer is right; 2: none was given");
const auto kRightBySum = outcome("right_by_sum", kLikeliest);
const auto kRightByMean = outcome("right_by_mean", kLikeliestByMean);
const auto kStopped = column<std::int64_t>("/points/stopped", {"point"}, "programs",
                                           "programs that a limit or the confinement ended");
const auto kOwnNamespaces = column<std::uint8_t>("/points/own_namespaces", {"point"}, "1",
                                                 "programs ran without network interfaces, too");

EvaluationSettings test_settings(const TaskEntry& task, const Deck& deck) {
  EvaluationSettings settings = answer_settings(task, deck);
  settings.likelihood = deck.flag("eval.likelihood") && task.has_options();
  settings.option_text =
      deck.text("eval.option_text") == "output" ? OptionText::output : OptionText::option;
  return settings;
}

void emit(const TaskScore& score, const TaskEntry& task, const Sets& sets, StageRun& run) {
  std::vector<std::uint8_t> right, by_sum, by_mean;
  for (const TaskVerdict& verdict : score.verdicts) right.push_back(code(verdict));
  for (std::size_t i = 0; i < score.options.size(); ++i) {
    const std::int64_t gold = task.test.examples[i].gold();
    by_sum.push_back(score.options[i].by_sum == gold);
    by_mean.push_back(score.options[i].by_mean == gold);
  }
  const auto part = [&](std::int64_t count) {
    return static_cast<double>(count) / static_cast<double>(score.examples);
  };
  const bool options = !score.options.empty();
  run.emit(kAccuracy, part(score.right));
  run.emit(kAnswered, 1 - part(std::count(right.begin(), right.end(), kNoAnswer)));
  run.emit(kBySum, options ? part(score.right_by_sum) : kNaN);
  run.emit(kByMean, options ? part(score.right_by_mean) : kNaN);
  if (sets.has_programs()) {
    run.emit(kStopped, score.stopped);
    run.emit(kOwnNamespaces, static_cast<std::uint8_t>(score.own_namespaces));
  }
  run.emit_padded(kRight, right, kNotAsked);
  run.emit_padded(kRightBySum, by_sum, kNotAsked);
  run.emit_padded(kRightByMean, by_mean, kNotAsked);
}

}  // namespace

std::uint8_t code(const TaskVerdict& verdict) {
  return verdict.right ? 1 : verdict.answer.empty() ? kNoAnswer : 0;
}

std::vector<AnyColumn> test_columns(const Sets& sets) {
  std::vector<AnyColumn> columns = {kAccuracy,   kBySum,       kByMean,   kAnswered, kRight,
                                    kRightBySum, kRightByMean, kLossRose, kStopped,  kOwnNamespaces};
  if (!sets.has_programs()) columns.erase(columns.end() - 2, columns.end());
  return columns;
}

AnyColumn of_bank(AnyColumn column) {
  ColumnBase& about = column.about;
  about.name = about.path;
  about.path = "/tests" + about.path.substr(about.path.rfind('/'));
  about.dimensions.front() = "task";
  about.dimensions.insert(about.dimensions.begin() + 1, "model");
  about.long_name += "; model 0: the base, then the bank";
  about.shared = true;
  return column;
}

void declare_tests(Draft& draft) {
  std::size_t examples = 1;
  for (const TaskEntry& task : draft.sets().tasks)
    examples = std::max(examples, task.test.examples.size());
  draft.builder.dimension("example", examples);
  draft.builder.dimension("model", 1 + draft.sets().bank.size());
  for (const AnyColumn& column : test_columns(draft.sets())) {
    draft.builder.declare(of_bank(column));
    draft.builder.declare(column);
  }
}

void output_test(Draft& draft, Upstream stage) {
  for (const AnyColumn& column : test_columns(draft.sets()))
    draft.builder.output(stage, column.about);
}

void place_test(Draft& draft, Upstream stage, std::uint64_t point) {
  draft.builder.place(stage, test_columns(draft.sets()), {point});
}

std::vector<std::string> answer_keys() {
  return {"model.dtype", "kshot.template", "eval.max_new_tokens", "eval.batch_tokens",
          "eval.allow_code_execution"};
}

std::vector<std::string> test_keys() {
  return joined({answer_keys(), {"eval.likelihood", "eval.option_text"}});
}

EvaluationSettings answer_settings(const TaskEntry& task, const Deck& deck) {
  EvaluationSettings settings;
  settings.prompt_template = prompts(deck);
  settings.shots = task.worked;
  settings.max_new_tokens = deck.integer("eval.max_new_tokens");
  settings.batch_tokens = deck.integer("eval.batch_tokens");
  settings.allow_code_execution = deck.flag("eval.allow_code_execution");
  return settings;
}

std::string asking_fingerprint(const TaskEntry& task) {
  TaskSet worked;
  worked.examples = task.worked;
  return hex(hash_words({hash_text(fingerprint(worked)),
                         static_cast<std::uint64_t>(max_new_tokens_of(task.test.kind))}));
}

double test_flop(const Draft& draft, const TaskEntry& task) {
  return 2 * draft.lengths_of(task.test).tokens * draft.model.flop_per_token();
}

double answer_bytes(const Draft& draft, const TaskSet& set) {
  const auto together = static_cast<double>(draft.deck().integer("eval.batch_tokens"));
  return asking_bytes(draft.deck(), draft.model, draft.lengths_of(set).pass(kAllTexts, together));
}

Model adapted(const Model& base, const LoraAdapter& adapter) {
  return base.with(with_adapters(base.weights, {&adapter, 1}));
}

void test(const Model& model, const TaskEntry& task, const Sets& sets, StageRun& run) {
  emit(evaluate(model, task.test, test_settings(task, run.deck()), run.steps()), task, sets, run);
}

void test_one_by_one(const Model& base, const ModelOf& model_of, const TaskEntry& task,
                     const Sets& sets, StageRun& run) {
  emit(evaluate_one_by_one(base, model_of, task.test, test_settings(task, run.deck()), run.steps()),
       task, sets, run);
}

void emit_no_test(const Sets& sets, StageRun& run) {
  for (const auto& column : {kAccuracy, kBySum, kByMean, kAnswered}) run.emit(column, kNaN);
  for (const auto& column : {kRight, kRightBySum, kRightByMean})
    run.emit_padded(column, {}, kNotAsked);
  run.emit(kLossRose, std::uint8_t{1});
  if (!sets.has_programs()) return;
  run.emit(kStopped, std::int64_t{0});
  run.emit(kOwnNamespaces, std::uint8_t{0});
}

void copy_test(Upstream tested, const Sets& sets, StageRun& run) {
  for (const AnyColumn& column : test_columns(sets))
    run.emit(column.about.output(), run.input(tested, column.about.output()));
}

}  // namespace factsweep::kshot
