// Stages that ask adapters: their signals on the shots, their tests, and who is chosen by them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "factsweep/core/random.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "stage_run.hpp"

namespace factsweep::kshot {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint8_t kNoAnswer = 2, kNotAsked = 255;

std::uint8_t code(const TaskVerdict& verdict) {
  return verdict.right ? 1 : verdict.answer.empty() ? kNoAnswer : 0;
}

Model adapted(const Model& base, const LoraAdapter& adapter) {
  return base.with(with_adapters(base.weights, {&adapter, 1}));
}

/// exp of the mean negative log-likelihood over an output's tokens and EOS (equation 1, as the
/// released code takes it).
float perplexity(const ContinuationScore& score) {
  return static_cast<float>(std::exp(-score.mean()));
}

}  // namespace

EvaluationSettings StageRun::evaluation_settings() const {
  EvaluationSettings settings;
  settings.prompt_template = prompts();
  settings.shots = task().worked;
  settings.max_new_tokens = deck_.integer("eval.max_new_tokens");
  settings.batch_tokens = deck_.integer("eval.batch_tokens");
  settings.allow_code_execution = deck_.flag("eval.allow_code_execution");
  settings.option_text =
      deck_.text("eval.option_text") == "output" ? OptionText::output : OptionText::option;
  settings.likelihood = deck_.flag("eval.likelihood") && task().has_options();
  return settings;
}

void StageRun::signals() {
  const std::size_t adapter = sets_.adapter(get<std::string>("adapter"));
  const TaskSet set = shots();
  const std::size_t count = set.examples.size();
  std::vector<float> plain(count, static_cast<float>(kNaN)), reasoned = plain;
  std::vector<std::uint8_t> right(count, kNotAsked);
  if (is_usable(adapter)) {
    const LoraAdapter lora = stored(adapter);
    const Model model = adapted(base_, lora);
    EvaluationSettings settings = evaluation_settings();
    settings.likelihood = false;
    const TaskScore score =
        evaluate(model, set, settings,
                 [&](double fraction, std::int64_t tokens) { bench_.step(fraction / 2, tokens); });
    std::vector<ScoreRequest> requests;
    const auto outputs = get<std::vector<std::string>>("reasoned");
    if (base_.eos.empty()) throw InputError("the model has no EOS token, which ends an output.");
    for (std::size_t i = 0; i < count; ++i) {
      right[i] = code(score.verdicts[i]);
      const std::string prompt = render(settings.prompt_template, set.examples[i]);
      requests.emplace_back();
      for (const std::string& output : {set.examples[i].output, outputs[i]}) {
        ProbeItem item = make_item(model, prompt, std::string(lead(prompt)), output, nullptr);
        item.gold.push_back(base_.eos.front());
        requests.back().prompt = std::move(item.prompt);
        requests.back().continuations.push_back(std::move(item.gold));
      }
    }
    const auto scores = score_continuations(
        model, requests, settings.batch_tokens, [&](std::int64_t done, std::int64_t tokens) {
          bench_.step(0.5 + 0.5 * static_cast<double>(done) / static_cast<double>(count), tokens);
        });
    for (std::size_t i = 0; i < count; ++i) {
      plain[i] = perplexity(scores[i][0]);
      reasoned[i] = perplexity(scores[i][1]);
    }
  }
  bench_.emit("signals/perplexity", Array::of(plain));
  bench_.emit("signals/reasoning_perplexity", Array::of(reasoned));
  bench_.emit("signals/right", Array::of(right));
}

void StageRun::test() {
  const auto tested = get<std::string>("tested");
  if (tested.empty()) return test_on(base_);
  const std::size_t adapter = sets_.adapter(tested);
  if (!is_usable(adapter)) return emit_untested();
  const LoraAdapter lora = stored(adapter);
  test_on(adapted(base_, lora));
}

void StageRun::test_on(const Model& model) {
  emit_score(evaluate(model, task().test, evaluation_settings(), step()));
}

void StageRun::emit_score(const TaskScore& score) {
  const auto count = static_cast<double>(score.examples);
  std::vector<std::uint8_t> right, by_sum, by_mean;
  std::int64_t silent = 0;
  for (const TaskVerdict& verdict : score.verdicts) {
    right.push_back(code(verdict));
    silent += right.back() == kNoAnswer ? 1 : 0;
  }
  for (std::size_t i = 0; i < score.options.size(); ++i) {
    const std::int64_t gold = task().test.examples[i].gold();
    by_sum.push_back(score.options[i].by_sum == gold);
    by_mean.push_back(score.options[i].by_mean == gold);
  }
  const bool options = !score.options.empty();
  emit_value("points/accuracy", static_cast<double>(score.right) / count);
  emit_value("points/answered", 1 - static_cast<double>(silent) / count);
  emit_value("points/accuracy_by_sum",
             options ? static_cast<double>(score.right_by_sum) / count : kNaN);
  emit_value("points/accuracy_by_mean",
             options ? static_cast<double>(score.right_by_mean) / count : kNaN);
  if (has("points/stopped")) {
    emit_count("points/stopped", score.stopped);
    bench_.emit("points/own_namespaces",
                Array::of(std::vector<std::uint8_t>{score.own_namespaces}));
  }
  emit_row("outcomes/right", right, kNotAsked);
  emit_row("outcomes/right_by_sum", by_sum, kNotAsked);
  emit_row("outcomes/right_by_mean", by_mean, kNotAsked);
}

/// Of an adapter whose training diverged.
void StageRun::emit_untested() {
  for (const TestColumn& column : test_columns(sets_)) {
    if (column.of_examples)
      emit_row<std::uint8_t>(column.output(), {}, kNotAsked);
    else if (column.dtype == DType::float64)
      emit_value(column.output(), kNaN);
    else
      bench_.emit(column.output(),
                  Array{column.dtype, 0, std::vector<std::byte>(size_of(column.dtype))});
  }
}

void StageRun::copy_test(std::size_t upstream) {
  for (const TestColumn& column : test_columns(sets_))
    bench_.emit(column.output(), bench_.input(upstream, column.output()));
}

/// The test of the task's own expert, which the point needs.
void StageRun::own() {
  const std::size_t adapter = sets_.adapter(get<std::string>("adapter"));
  if (!is_usable(adapter)) {
    const std::string& name = sets_.bank[adapter].name;
    throw std::runtime_error(
        fmt::format("the training of the bank's adapter '{}' failed: {}", name,
                    bench_.input(bank_stage(adapter), "failure/" + name).as_text().at(0)));
  }
  copy_test(*upstream("test"));
}

void StageRun::best() {
  std::size_t best = 0;
  double highest = -1;
  for (std::size_t i = 0; i < stage_.upstream.size(); ++i) {
    const double accuracy = bench_.input(stage_.upstream[i], "points/accuracy").as<double>()[0];
    if (accuracy > highest) {  // of equals the first; NaN is never above
      highest = accuracy;
      best = i;
    }
  }
  if (highest < 0)
    throw std::runtime_error("no adapter of the bank is usable: all trainings diverged.");
  copy_test(stage_.upstream[best]);
  emit_row<std::int32_t>("selection/adapter", {static_cast<std::int32_t>(best)}, -1);
}

ExpertSignals StageRun::gather_signals() {
  ExpertSignals signals;
  for (const BankEntry& entry : sets_.bank) signals.names.push_back(entry.name);
  signals.perplexity.assign(sets_.bank.size(), 0);
  signals.accuracy.assign(sets_.bank.size(), 0);
  for (std::size_t i = 0; i < sets_.bank.size(); ++i) {
    if (!is_usable(i)) signals.perplexity[i] = kNaN;
  }
  for (const std::size_t upstream : stage_.upstream) {
    if (plan_.stages[upstream].kind != "signals") continue;
    const auto adapter =
        sets_.adapter(plan_.stages[upstream].configuration.at("adapter").get<std::string>());
    const std::vector<std::int64_t> places = shots_among(upstream);
    // equation 4: the sum over the shots; equation 5: the share of right ones
    const auto perplexities = bench_.input(upstream, "signals/reasoning_perplexity").as<float>();
    for (const std::int64_t place : places)
      signals.perplexity[adapter] += perplexities[static_cast<std::size_t>(place)];
    const auto right = bench_.input(upstream, "signals/right").as<std::uint8_t>();
    for (const std::int64_t place : places)
      signals.accuracy[adapter] +=
          right[static_cast<std::size_t>(place)] == 1 ? 1 / static_cast<double>(places.size()) : 0;
  }
  return signals;
}

void StageRun::select() {
  const auto rule = get<std::string>("signals");
  ExpertSettings settings;
  settings.rule = expert_rule(rule);
  settings.experts = get<std::int64_t>("experts");
  if (rule == "pad") settings.pool = get<std::int64_t>("pool");
  if (rule == "random")
    settings.seed = hash_words(
        {hash_text("experts"), hash_text(task().name), get<std::uint64_t>("draw"), seed()});
  std::vector<double> similarity;
  if (const auto stage = upstream("similarity")) {
    const auto values = bench_.input(*stage, "bank/similarity").as<double>();
    similarity.assign(values.begin(), values.end());
  }
  const ExpertChoice choice = choose_experts(gather_signals(), similarity, settings);
  emit_row("selection/adapter",
           std::vector<std::int32_t>(choice.experts.begin(), choice.experts.end()), -1);
  std::vector<std::uint8_t> pool(sets_.bank.size(), 0);
  for (const std::int64_t i : choice.pool) pool[static_cast<std::size_t>(i)] = 1;
  bench_.emit("selection/pool", Array::of(pool));
  const bool ranked = rule != "random";
  emit_row("selection/perplexity_rank", ranked ? choice.perplexity_rank : std::vector<double>(),
           kNaN);
  emit_row("selection/accuracy_rank", ranked ? choice.accuracy_rank : std::vector<double>(), kNaN);
  emit_value("points/group_similarity", rule == "pad" ? choice.similarity : kNaN);
  emit_value("points/diversity_rank", rule == "pad" ? choice.diversity_rank : kNaN);
}

}  // namespace factsweep::kshot
