// Stage "edit": FT-c, ROME or MEMIT on the original model, by a named preset and what the deck puts
// in its place.
#include <algorithm>
#include <map>

#include "edit_cost.hpp"
#include "factsweep/edit/ft_c.hpp"
#include "factsweep/edit/memit.hpp"
#include "factsweep/edit/rome.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "factsweep/studies/support/work_checkpoint.hpp"
#include "lesson.hpp"
#include "outcomes.hpp"
#include "stages.hpp"

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

Cost editing_cost(const Draft& draft) {
  const Deck& deck = draft.deck();
  const GridPoint& at = draft.at;
  if (at.method->name == "ft_c") return fine_tuning_cost(draft, ft_c_settings(deck, at.preset));
  if (at.method->name == "memit") {
    const MemitSettings settings = memit_settings(deck, at.preset);
    return search_cost(draft, {.value = settings.value,
                               .contexts = settings.contexts,
                               .first_layer = settings.layers.back() + 1,
                               .key_layers = settings.layers,
                               .moments = settings.layers.size() + 2});
  }
  const RomeSettings settings = rome_settings(deck, at.preset);
  return search_cost(draft, {.value = settings.value,
                             .contexts = settings.contexts,
                             .first_layer = settings.layer,
                             .key_layers = {settings.layer},
                             .moments = settings.moment_adjustment ? std::size_t{2} : 0});
}

struct Edit : Ground {
  static constexpr const char* kind = "edit";

  std::string method, preset;
  std::optional<Upstream> moments;  // nothing: the editor asks for none
  Matrices matrices;                // rows and columns of /norms
  std::optional<DType> kept;        // of the weights, where they are

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    field("method", self.method);
    field("preset", self.preset);
    field("moments", self.moments);
    field("modules", self.matrices.modules);
    field.local("layers_of_norms", self.matrices.layers);
    field.local("kept", self.kept);
  }
  std::vector<std::string> deck_keys() const {
    std::vector<std::string> keys = {"edit.layers", "edit.records"};
    if (method == "ft_c") keys = {"edit.ft_c_layer", "edit.ft_c_bound"};
    return joined(
        {{"model.dtype", "run.checkpoint_interval", kCasesKey}, evaluation_keys(), keys});
  }
  void run(Worker& worker, StageRun& run) const;

  bool makes_one_model() const { return flearning::method(method).makes_one_model(); }
};

/// What turned `before` into `after`, which share what was not changed.
WeightChange change_between(const Weights& before, const Weights& after) {
  return [before, after](const LinearModule& module) {
    const auto layer = static_cast<std::size_t>(module.layer);
    const torch::Tensor &was = before.layers[layer].linears[module.linear].weight,
                        &is = after.layers[layer].linears[module.linear].weight;
    if (is.is_same(was)) return torch::Tensor();
    const auto rows = [&](const torch::Tensor& matrix) {
      return matrix.narrow(0, module.first, module.rows).to(torch::kFloat32);
    };
    return rows(is) - rows(was);
  };
}

/// What edits of the original model, each alone, come to.
struct EditsApart {
  std::map<std::string, std::vector<double>> outcomes;  // by name: of each edit's own record
  std::vector<double> norms;       // [layer, module]: sums over edits of how far each matrix moved
  std::vector<std::string> cases;  // answers to the questions of the first edits

  static constexpr const char *kNorms = "norms", *kCases = "cases", *kOutcome = "outcome.";

  void add(const EditsApart& more) {
    for (const auto& [name, values] : more.outcomes) {
      std::vector<double>& mine = outcomes[name];
      mine.insert(mine.end(), values.begin(), values.end());
    }
    norms.resize(more.norms.size());
    for (std::size_t k = 0; k < norms.size(); ++k) norms[k] += more.norms[k];
    cases.insert(cases.end(), more.cases.begin(), more.cases.end());
  }
  WorkState state(std::size_t done) const {
    WorkState now{static_cast<std::int64_t>(done),
                  {{kNorms, torch::tensor(norms, torch::kFloat64)}}};
    for (const auto& [name, values] : outcomes)
      now.tensors.emplace_back(kOutcome + name, torch::tensor(values, torch::kFloat64));
    now.add_texts(kCases, cases);
    return now;
  }
  /// InputError: a tensor has not as many values as edits, or matrices, say.
  static EditsApart of(const WorkState& state, std::size_t matrices, std::size_t cases) {
    EditsApart edits;
    const std::string outcome = kOutcome;
    state.at(kNorms, {static_cast<std::int64_t>(matrices)});
    for (const auto& [name, tensor] : state.tensors) {
      if (name != kNorms && !name.starts_with(outcome)) continue;
      if (name != kNorms) state.at(name, {state.done});
      const torch::Tensor values = tensor.to(torch::kCPU, torch::kFloat64).contiguous();
      const double *begin = values.data_ptr<double>(), *end = begin + values.numel();
      (name == kNorms ? edits.norms : edits.outcomes[name.substr(outcome.size())]).assign(begin, end);
    }
    edits.cases = state.texts(kCases);
    if (edits.outcomes.empty() || edits.cases.size() != cases)
      throw InputError("it lacks what its edits answer.");
    return edits;
  }
};

/// Each record of `batch` is asked of its own edit alone. `first`: the stage's record that the
/// batch begins with.
EditsApart ask_apart(const Edit& stage, const Worker& worker, StageRun& run, const Model& start,
                     std::size_t first, std::span<const EditRecord> batch,
                     const std::vector<RomeEdit>& edits, const StepCallback& step) {
  EditsApart answers;
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const WeightDelta delta = edits[i].delta();
    const Model model = start.with(edited(start.weights, {&delta, 1}));
    const EditEvaluation one = evaluation_of(batch.subspan(i, 1), start, run.deck());
    const ForcedPredictions before = original_locality(run, worker, stage, one, first + i);
    const std::vector<float> norms =
        tabulate(start.weights.config, stage.matrices, change_between(start.weights, model.weights))
            .norm;
    const std::size_t asked = first + i < case_count(run.deck()) ? 1 : 0;
    answers.add({one.ask(model, before, step),
                 {norms.begin(), norms.end()},
                 one.answers(model, asked, step)});
  }
  return answers;
}

/// As many edits at a time as are searched together, then what their models answer. The clock of
/// `checkpoint` runs while they are made.
EditsApart edit_apart(const Edit& stage, const Worker& worker, StageRun& run,
                      WorkCheckpoint& checkpoint, const Rome& rome, const RomeSettings& settings, const Model& start,
                      const std::vector<EditRecord>& asked) {
  const WorkKeeper keeper = checkpoint.keeper();
  const StepCallback step = checkpoint.steps();
  const auto share = [&](double records) { return records / static_cast<double>(asked.size()); };
  EditsApart all;
  std::size_t done = 0;
  keeper.take_up([&](const WorkState& from) {
    from.check_done(asked.size());
    const auto edits = static_cast<std::size_t>(from.done);
    all = EditsApart::of(from, stage.matrices.modules.size() * stage.matrices.layers,
                         std::min(edits, case_count(run.deck())));
    done = edits;
  });
  const auto state = [&] { return all.state(done); };
  while (done < asked.size()) {
    const auto together = static_cast<std::size_t>(settings.value.batch_requests);
    const auto batch = std::span(asked).subspan(done, std::min(asked.size() - done, together));
    const auto before = static_cast<double>(done), count = static_cast<double>(batch.size());
    const std::vector<RomeEdit> edits = rome.edit(
        start, {batch.begin(), batch.end()},
        [&](double part, std::int64_t tokens) { step(share(before + part * count), tokens); });
    checkpoint.clock().hold();
    all.add(ask_apart(stage, worker, run, start, done, batch, edits,
                      [&](double, std::int64_t tokens) { step(share(before + count), tokens); }));
    checkpoint.clock().go_on();
    done += batch.size();
    keeper.keep(done == asked.size(), state);
  }
  return all;
}

/// The mean over the edits of how far they moved each matrix.
void emit_apart(StageRun& run, const EditsApart& edits, bool portability) {
  emit_outcomes(run, edits.outcomes, portability);
  emit_cases(run, edits.cases);
  std::vector<float> norms;
  for (const double sum : edits.norms)
    norms.push_back(
        static_cast<float>(sum / static_cast<double>(edits.outcomes.begin()->second.size())));
  run.emit(kLearnNorm, norms);
}

void Edit::run(Worker& worker, StageRun& run) const {
  const Deck& deck = run.deck();
  Model start = worker.use(directory);
  Weights base;
  if (kept) base = start.weights.clone(start.weights.embedding.scalar_type());
  add_terms(start.weights, start_terms(run, *this, start.weights));
  std::span<const EditRecord> first = records(worker);
  if (method != "ft_c") {
    const auto wanted = static_cast<std::size_t>(deck.integer("edit.records"));
    if (wanted > 0) first = first.first(std::min(wanted, first.size()));
  }
  const std::vector<EditRecord> asked(first.begin(), first.end());

  WorkCheckpoint checkpoint(run);
  const StepCallback step = checkpoint.steps();
  // sampling contexts counts from 0 to 1, too, and is next to nothing of the work
  const StepCallback before = [&](double, std::int64_t tokens) { step(0, tokens); };
  SecondMoments of_keys;
  if (moments)
    of_keys = stored_moments(run, *moments, second_moment_layers(deck, method, preset),
                             start.weights.config.mlp_width);
  Weights after;
  if (method == "ft_c") {
    const FtEdit edit = ft_c(start, asked, ft_c_settings(deck, preset), step, checkpoint.keeper());
    after = edited(start.weights, edit.deltas, torch::kFloat32);
  } else if (method == "memit") {
    const MemitSettings settings = memit_settings(deck, preset);
    const auto contexts = sample_contexts(start, settings.contexts, seed, before);
    const MemitEdit edit =
        memit(start, asked, contexts, of_keys, settings, step, checkpoint.keeper());
    after = edited(start.weights, edit.deltas);
  } else {
    const RomeSettings settings = rome_settings(deck, preset);
    const auto contexts = sample_contexts(start, settings.contexts, seed, before);
    const Rome rome(start, contexts, of_keys, settings);
    rome.check(start, asked);
    if (makes_one_model())
      after = rome.edit_in_sequence(start, asked, step, checkpoint.keeper());
    else
      emit_apart(run, edit_apart(*this, worker, run, checkpoint, rome, settings, start, asked),
                 has_portability(worker));
  }
  run.emit(kEditSeconds, checkpoint.clock().seconds());
  emit_loss_rose(run, start.weights.config, *this);
  if (makes_one_model()) {
    const WeightChange moved = change_between(start.weights, after);
    run.emit(kLearnNorm, tabulate(start.weights.config, matrices, moved).norm);
    evaluate(run, worker, *this, asked, start.with(after));
    if (kept)
      for_each_difference(after.named(), base.named(), weight_outputs(run, "final", *kept));
  }
  checkpoint.remove();
}

}  // namespace

const KindOf<Worker> kEdit = kind<Worker, Edit>();

std::vector<std::int64_t> edited_layers(const Deck& deck, const std::string& method,
                                        const std::string& preset) {
  if (method == "ft_c") return ft_c_settings(deck, preset).layers;
  if (method == "memit") return memit_settings(deck, preset).layers;
  if (method != "rome" && method != "rome_reset") return {};
  return {rome_settings(deck, preset).layer};
}

std::vector<std::int64_t> second_moment_layers(const Deck& deck, const std::string& method,
                                               const std::string& preset) {
  if (method == "memit") return memit_settings(deck, preset).layers;
  if (method != "rome" && method != "rome_reset") return {};
  const RomeSettings settings = rome_settings(deck, preset);
  return settings.moment_adjustment ? std::vector{settings.layer} : std::vector<std::int64_t>{};
}

Upstream add_edit(const Draft& draft, Upstream original) {
  const Deck& deck = draft.deck();
  Edit edit{draft.ground(original), draft.at.method->name, draft.at.preset, std::nullopt,
            draft.inputs.matrices, draft.kept()};
  const std::vector<std::int64_t> layers = second_moment_layers(deck, edit.method, edit.preset);
  if (!layers.empty()) edit.moments = add_second_moment(draft, original, layers);
  Cost cost = editing_cost(draft);
  cost.flop += draft.start_flop() + draft.evaluation_flop();
  cost.also(std::max(draft.start_bytes(), draft.evaluation_bytes()));
  if (edit.kept) cost.bytes += draft.model_bytes() + comparison_bytes(draft.model());
  const auto [stage, is_new] = draft.builder.add(edit, draft.point_title("edit"), cost);
  std::vector<AnyColumn> columns = draft.columns(/*abilities=*/edit.makes_one_model());
  columns.emplace_back(kLearnNorm);
  draft.place_row(stage, columns);
  if (is_new && edit.kept) draft.place_changes(stage);
  return stage;
}

}  // namespace factsweep::flearning
