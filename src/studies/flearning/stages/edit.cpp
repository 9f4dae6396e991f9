#include "edit.hpp"

#include <algorithm>
#include <chrono>

#include "factsweep/edit/ft_c.hpp"
#include "factsweep/edit/memit.hpp"
#include "factsweep/edit/rome.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "outcomes.hpp"
#include "second_moment.hpp"

namespace factsweep::flearning {
namespace {

FtSettings ft_c_settings(const Deck& deck, const std::string& preset) {
  FtSettings settings = FtSettings::preset(preset);
  settings.bound = deck.real("edit.ft_c_bound");
  if (deck.integer("edit.ft_c_layer") >= 0) settings.layers = {deck.integer("edit.ft_c_layer")};
  return settings;
}

RomeSettings rome_settings(const Deck& deck, const std::string& preset) {
  RomeSettings settings = RomeSettings::preset(preset);
  const std::vector<std::int64_t> layers = deck.integer_list("edit.layers");
  if (!layers.empty()) settings.layer = layers.front();
  return settings;
}

MemitSettings memit_settings(const Deck& deck, const std::string& preset) {
  MemitSettings settings = MemitSettings::preset(preset);
  const std::vector<std::int64_t> layers = deck.integer_list("edit.layers");
  if (!layers.empty()) settings.layers = layers;
  return settings;
}

double editing_flop(const Draft& draft) {
  const Deck& deck = draft.deck();
  const GridPoint& at = draft.at;
  if (at.method->name == "ft_c")
    return 3 * static_cast<double>(ft_c_settings(deck, at.preset).epochs) * draft.forward_flop();
  // a value is sought through the layers above, with every context before the question
  const bool memit = at.method->name == "memit";
  const ValueSettings value =
      memit ? memit_settings(deck, at.preset).value : rome_settings(deck, at.preset).value;
  const double contexts = memit ? 6 : 21;
  const auto wanted = static_cast<double>(deck.integer("edit.records"));
  const auto all = static_cast<double>(at.records);
  return 2 * static_cast<double>(value.steps) * contexts * draft.forward_flop() *
         (wanted > 0 ? std::min(wanted, all) / all : 1);
}

/// Each edit on the weights that the edits before it left.
std::vector<WeightDelta> rome_in_sequence(const Model& start,
                                          const std::vector<EditRecord>& records,
                                          const std::vector<std::string>& contexts,
                                          const SecondMoments& moments,
                                          const RomeSettings& settings, const StepCallback& step) {
  std::vector<WeightDelta> deltas;
  Model now = start;
  for (const EditRecord& record : records) {
    deltas.push_back(rome(now, {record}, contexts, moments, settings, step).front().delta());
    now = now.with(edited(now.weights, {&deltas.back(), 1}));
  }
  return deltas;
}

/// Record i is asked of edit i alone.
void ask_one_by_one(const Edit& stage, StageRun& run, const Model& start,
                    std::span<const EditRecord> asked, const std::vector<RomeEdit>& edits) {
  std::map<std::string, std::vector<double>> outcomes;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const WeightDelta delta = edits[i].delta();
    const Model model = start.with(edited(start.weights, {&delta, 1}));
    const EditEvaluation one = evaluation_of(asked.subspan(i, 1), start, run.deck());
    const ForcedPredictions before = original_locality(run, stage, one, i);
    for (const auto& [name, values] : one.ask(model, before, run.steps()))
      outcomes[name].push_back(values.at(0));
  }
  emit_outcomes(run, outcomes);
}

}  // namespace

std::vector<std::int64_t> second_moment_layers(const Deck& deck, const std::string& method,
                                               const std::string& preset) {
  if (method == "memit") return memit_settings(deck, preset).layers;
  if (method != "rome" && method != "rome_reset") return {};
  const RomeSettings settings = rome_settings(deck, preset);
  return settings.moment_adjustment ? std::vector{settings.layer} : std::vector<std::int64_t>{};
}

std::vector<std::string> Edit::deck_keys() const {
  std::vector<std::string> keys = {"edit.layers", "edit.records"};
  if (method == "ft_c") keys = {"edit.ft_c_layer", "edit.ft_c_bound"};
  return joined({{"model.dtype", "store."}, evaluation_keys(), keys});
}

Upstream add_edit(const Draft& draft, Upstream original) {
  const Deck& deck = draft.deck();
  Edit edit{draft.ground(original), draft.at.method->name, draft.at.preset, std::nullopt};
  const std::vector<std::int64_t> layers = second_moment_layers(deck, edit.method, edit.preset);
  if (!layers.empty()) edit.moments = add_second_moment(draft, original, layers);
  const bool stored = edit.makes_one_model() && stores_weights(deck);
  const auto [stage, is_new] =
      draft.builder.add(edit, draft.point_title("edit"),
                        {.flop = editing_flop(draft) + draft.evaluation_flop(),
                         .bytes = stored ? draft.model_bytes() : 0});
  std::vector<TaskSet> abilities;
  if (edit.makes_one_model()) abilities = draft.inputs.worker.abilities;
  draft.place_row(stage, evaluation_columns(abilities));
  if (is_new && stored) draft.place_changes(stage);
  return stage;
}

void Edit::run(Worker& worker, StageRun& run) const {
  const Deck& deck = run.deck();
  Model start = read_base(worker, deck);
  const bool stored = makes_one_model() && stores_weights(deck);
  Weights base;
  if (stored) base = start.weights.clone(start.weights.embedding.scalar_type());
  add_terms(start.weights, start_terms(run, *original, start.weights));
  std::span<const EditRecord> first = records(worker);
  if (method != "ft_c") {
    const auto wanted = static_cast<std::size_t>(deck.integer("edit.records"));
    if (wanted > 0) first = first.first(std::min(wanted, first.size()));
  }
  const std::vector<EditRecord> asked(first.begin(), first.end());
  const StepCallback step = run.steps();

  const auto began = std::chrono::steady_clock::now();
  SecondMoments of_keys;
  if (moments)
    of_keys = stored_moments(run, *moments, second_moment_layers(deck, method, preset),
                             start.weights.config.mlp_width);
  std::vector<WeightDelta> deltas;
  std::vector<RomeEdit> apart;
  if (method == "ft_c") {
    deltas = ft_c(start, asked, ft_c_settings(deck, preset), step).deltas;
  } else if (method == "memit") {
    const MemitSettings settings = memit_settings(deck, preset);
    const auto contexts = sample_contexts(start, settings.contexts, seed, step);
    deltas = memit(start, asked, contexts, of_keys, settings, step).deltas;
  } else {
    const RomeSettings settings = rome_settings(deck, preset);
    const auto contexts = sample_contexts(start, settings.contexts, seed, step);
    if (makes_one_model())
      deltas = rome_in_sequence(start, asked, contexts, of_keys, settings, step);
    else
      apart = rome(start, asked, contexts, of_keys, settings, step);
  }
  run.emit(kEditSeconds,
           std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());

  if (!makes_one_model()) return ask_one_by_one(*this, run, start, asked, apart);
  const Model after = start.with(edited(start.weights, deltas));
  evaluate(run, worker, *this, asked, after);
  if (stored)
    for_each_difference(after.weights.named(), base.named(), weight_outputs(run, "final"));
}

}  // namespace factsweep::flearning
