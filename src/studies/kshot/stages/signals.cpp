// Stage "signals": how an adapter does on the shots of a task (equations 1 to 5).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "asking.hpp"
#include "factsweep/label/probe.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "stages.hpp"

namespace factsweep::kshot {
namespace {

const auto kPerplexity =
    shared(column<float>("/signals/perplexity", {"task", "draw", "adapter", "shot"}, "1",
                         "perplexity of the answer", "PPL"));

const std::vector<AnyColumn> kSignalColumns = {kPerplexity, kReasoningPerplexity, kShotRight};

/// exp of the mean negative log-likelihood over an output's tokens and EOS (equation 1, as the
/// released code takes it).
float perplexity(const ContinuationScore& score) {
  return static_cast<float>(std::exp(-score.mean()));
}

struct Signals {
  static constexpr const char* kind = "signals";

  std::string model;                  // fingerprint of its files
  Shots shots;                        // the largest draw
  std::string examples;               // fingerprint of the shots
  std::vector<std::string> reasoned;  // [shot] its output with its reasons
  std::string asking;                 // asking_fingerprint()
  BankAdapter adapter;

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    Shots::fields(self.shots, field);
    field("examples", self.examples);
    field("reasoned", self.reasoned);
    field("asking", self.asking);
    BankAdapter::fields(self.adapter, field);
  }
  std::vector<std::string> deck_keys() const { return answer_keys(); }

  /// The output, and the output with its reasons, after the prompt of each shot.
  std::vector<ScoreRequest> requests(const Model& asked, const TaskSet& set,
                                     const std::string& prompt_template) const {
    if (asked.eos.empty()) throw InputError("the model has no EOS token, which ends an output.");
    std::vector<ScoreRequest> list(set.examples.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string prompt = render(prompt_template, set.examples[i]);
      for (const std::string& output : {set.examples[i].output, reasoned[i]}) {
        ProbeItem item = make_item(asked, prompt, std::string(lead(prompt)), output, nullptr);
        item.gold.push_back(asked.eos.front());
        check_length(asked, set.examples[i], item.prompt.size() + item.gold.size());
        list[i].prompt = std::move(item.prompt);
        list[i].continuations.push_back(std::move(item.gold));
      }
    }
    return list;
  }

  void run(Worker& worker, StageRun& run) const {
    const TaskSet set = shots.read(worker.sets);
    const std::size_t count = set.examples.size();
    std::vector<float> plain(count, std::numeric_limits<float>::quiet_NaN()), with_reasons = plain;
    std::vector<std::uint8_t> right(count, kNotAsked);
    if (adapter.is_usable(run)) {
      const LoraAdapter lora = adapter.read(worker, run);
      const Model asked = adapted(worker.base, lora);
      const EvaluationSettings settings = answer_settings(worker.sets.task(shots.task), run.deck());
      const TaskScore score =
          evaluate(asked, set, settings,
                   [&](double fraction, std::int64_t tokens) { run.step(fraction / 2, tokens); });
      const auto scores = score_continuations(
          asked, requests(asked, set, settings.prompt_template), settings.batch_tokens,
          [&](std::int64_t done, std::int64_t tokens) {
            run.step(0.5 + 0.5 * static_cast<double>(done) / static_cast<double>(count), tokens);
          });
      for (std::size_t i = 0; i < count; ++i) {
        right[i] = code(score.verdicts[i]);
        plain[i] = perplexity(scores[i][0]);
        with_reasons[i] = perplexity(scores[i][1]);
      }
    }
    run.emit(kPerplexity, plain);
    run.emit(kReasoningPerplexity, with_reasons);
    run.emit(kShotRight, right);
  }
};

}  // namespace

const KindOf<Worker> kSignals = kind<Worker, Signals>();

void declare_signals(Draft& draft) {
  if (draft.draws.empty()) return;
  std::vector<std::int64_t> rows;
  for (std::size_t task = 0; task < draft.sets().tasks.size(); ++task) {
    for (const std::int64_t draw : draft.draws) {
      const auto records = draft.all_shots(task, draw).records(draft.sets());
      rows.insert(rows.end(), records.begin(), records.end());
    }
  }
  PlanBuilder& builder = draft.builder;
  builder.dimension("draw", draft.draws.size());
  builder.fill(column<std::int64_t>("/signals/draw", {"draw"}, "1", "draw of shots"), draft.draws);
  builder.fill(column<std::int64_t>("/signals/row", {"task", "draw", "shot"}, "1",
                                    "record of the train file, from 0"),
               rows);
  if (!draft.sets().bank.empty()) builder.declare(kSignalColumns);
}

const std::vector<Upstream>& add_signals(Draft& draft, std::size_t task, std::int64_t draw) {
  const auto [found, fresh] = draft.signals.try_emplace({task, draw});
  if (!fresh) return found->second;
  const TaskEntry& entry = draft.sets().tasks[task];
  Signals signals;
  signals.model = draft.base.fingerprint;
  signals.shots = draft.all_shots(task, draw);
  signals.asking = asking_fingerprint(entry);
  const TaskSet set = signals.shots.read(draft.sets());
  signals.examples = fingerprint(set);
  signals.reasoned = signals.shots.outputs(draft.sets(), /*reasons=*/true);
  const Cost cost{.flop = 3 * draft.lengths_of(set).tokens * draft.model.flop_per_token(),
                  .bytes = answer_bytes(draft, set)};
  const auto place = static_cast<std::uint64_t>(
      std::find(draft.draws.begin(), draft.draws.end(), draw) - draft.draws.begin());
  for (std::size_t i = 0; i < draft.bank.size(); ++i) {
    signals.adapter = draft.bank.at(i);
    const std::string title =
        fmt::format("signals {} draw {} {}", entry.name, draw, signals.adapter.name);
    found->second.push_back(draft.builder.add(signals, title, cost).stage);
    draft.builder.place(found->second.back(), kSignalColumns, {task, place, i});
  }
  return found->second;
}

}  // namespace factsweep::kshot
