#include "tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "asking.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "gates.hpp"
#include "learning.hpp"

namespace factsweep::kshot {
namespace {

using Start = Method::Start;
using Tuning = Method::Tuning;

/// Layer of a module by its name; -1: it has no number.
std::int64_t layer_of(const std::string& module) {
  const std::size_t digit = module.find_first_of("0123456789");
  return digit == std::string::npos ? -1 : std::stoll(module.substr(digit));
}

std::vector<AnyColumn> tuned_columns(const Method& how) {
  std::vector<AnyColumn> columns;
  if (how.is_trained()) columns.emplace_back(kLoss);
  if (how.is_taught() || how.has_gates()) columns.emplace_back(kSeconds);
  if (how.is_taught()) columns.insert(columns.end(), {kLeftOut, kShortened});
  if (how.is_sum()) columns.emplace_back(kWeight);
  if (how.is_mixture()) columns.emplace_back(kShare);
  return columns;
}

/// What the experts of each adapted module give a pass's tokens, before the gates and after.
double routed_bytes(const Draft& draft, const Lengths& lengths) {
  const Deck& deck = draft.deck();
  double rows = 0;
  for (const LoraTarget& target : draft.base.trained(deck, lora_config(deck)).targets)
    rows += static_cast<double>(target.module.rows);
  const auto most = static_cast<double>(deck.integer("train.microbatch_tokens"));
  return 2 * weight_bytes(deck) * rows * lengths.pass(batch_size(deck), most).tokens;
}

Cost cost_of(const Draft& draft, const GridPoint& at, const TaskSet& shots) {
  const TaskEntry& task = draft.sets().tasks[at.task];
  Lengths lengths = draft.lengths_of(shots);
  if (at.has_data()) {
    // selected data are like the shots
    const bool is_like = !is_drawn(at.selection);
    const Lengths chosen = is_like ? lengths : draft.lengths_of(draft.sets().pools[*task.pool].set);
    lengths.add(chosen.first(static_cast<double>(at.budget)));
  }
  Cost cost;
  if (at.method->tuning == Tuning::search)
    cost.flop = static_cast<double>(draft.deck().integer("lorahub.evaluations")) *
                lengths.tokens * draft.model.flop_per_token();
  if (at.method->is_trained())
    cost = learning_cost(draft, "moe", lengths,
                         {.texts = batch_size(draft.deck()),
                          .adapters = std::max<double>(1, static_cast<double>(at.experts))});
  if (at.method->is_trained() && at.method->is_mixture()) {
    const double routed = routed_bytes(draft, lengths);
    cost.bytes += routed;
    cost.activations += routed;
  }
  if (at.method->has_gates()) cost = gate_cost(draft, shots, at.experts);
  cost.flop += test_flop(draft, task) + draft.worker.abilities.flop(draft.model);
  cost.also(answer_bytes(draft, task.test));
  return cost;
}

/// What an adapter has that a point of the method keeps, or its mixture's experts. Which adapters of
/// the bank it will have is not known: there is room for any.
LoraConfig kept_config(const Draft& draft, const Method& how, std::int64_t experts) {
  if (how.start == Start::fresh) return stored_lora_config(draft.deck());
  const LoraConfig& form = draft.sets().form.config;
  return how.tuning == Tuning::average ? stacked_form(form, experts) : form;
}

/// Tensors that it can keep.
NamedShapes kept_shapes(const Draft& draft, const Method& how, std::int64_t experts) {
  const NamedShapes& one =
      draft.base.trained(draft.deck(), kept_config(draft, how, experts)).tensors;
  return how.is_mixture() ? mixture_shapes(one, experts) : one;
}

void decide_what_is_kept(Draft& draft) {
  TrainedWeights all;
  std::map<std::pair<const Method*, std::int64_t>, double> of_kind;  // bytes
  for (const GridPoint& at : draft.points) {
    if (!at.method->is_kept()) continue;
    const auto [known, is_new] = of_kind.try_emplace({at.method, at.experts});
    if (is_new)
      known->second =
          bytes_of(draft.deck(), elements_of(kept_shapes(draft, *at.method, at.experts)));
    all.add(known->second);
  }
  const Keeping keeping(draft.deck(), {}, all);
  keeping.tell(draft.builder);
  draft.keeps_weights = !keeping.when(/*is_adapter=*/true).empty();
}

/// "final/<tensor>" of the weights file, and what they are.
void place_weights(Draft& draft, Upstream stage, const Tune& tune, std::int64_t experts) {
  const bool is_mixture = tune.how().is_mixture();
  WeightGroup group{.name = is_mixture ? "mixture" : "lora",
                    .about = draft.base.about(),
                    .outputs = {}};
  if (is_mixture) {
    group.outputs.push_back({.path = Tune::kOwnConfig,
                             .dtype = DType::text,
                             .text_length = tune.mixture_config_bytes(experts),
                             .long_name = "the mixture's moe.json"});
  } else {
    group.about[kAdapterConfig] = kept_config(draft, tune.how(), experts).json(draft.model);
  }
  for (const auto& [name, shape] : kept_shapes(draft, tune.how(), experts))
    group.outputs.push_back({.path = "final/" + name,
                             .dtype = *tune.kept,
                             .shape = {shape.begin(), shape.end()},
                             .long_name = "tensor of what the point has trained"});
  draft.builder.place_weights(stage, group);
}

}  // namespace

const KindOf<Worker> kTune = kind<Worker, Tune>();

std::vector<std::string> Tune::deck_keys() const {
  std::vector<std::string> keys = test_keys();
  const auto add = [&](bool reads, const std::vector<std::string>& more) {
    if (reads) keys.insert(keys.end(), more.begin(), more.end());
  };
  const Method& of = how();
  add(of.is_trained(), learning_keys("moe"));
  add(of.start == Start::fresh, {"lora."});
  add(of.is_trained() && of.is_mixture(), {"lora.dropout"});
  add(of.is_balanced(), {of.balance});
  add(of.has_gates(), gate_keys());
  add(of.lessons == Method::Lessons::own, {"bank.seed"});
  add(of.tuning == Tuning::search, {"lorahub.", "kshot.longest"});
  add(abilities.any(), abilities.keys);
  return keys;
}

std::size_t Tune::mixture_config_bytes(std::int64_t size) const {
  std::size_t longest = 0, bytes = 512;
  for (const std::string& name : bank.names) longest = std::max(longest, name.size());
  const auto count = static_cast<std::size_t>(size);
  for (const std::string& module : modules) bytes += module.size() + 64 + count * 64;
  return bytes + count * (longest + 32);
}

void declare_tuning(Draft& draft) {
  decide_what_is_kept(draft);
  PlanBuilder& builder = draft.builder;
  const auto epochs = static_cast<std::size_t>(draft.deck().integer("moe.epochs"));
  builder.dimension("/curves/epoch", epochs);
  builder.fill(column<std::int64_t>("/curves/epoch", {"epoch"}, "epochs", "epochs done"),
               numbers(1, epochs));
  builder.declare(std::vector<AnyColumn>{kLoss, kSeconds, kLeftOut, kShortened, kWeight});
  if (draft.modules.empty()) return;
  builder.dimension("module", draft.modules.size());
  builder.fill(column<std::string>("/moe/module", {"module"}, "", "adapted module"), draft.modules);
  builder.fill(column<std::int64_t>("/moe/layer", {"module"}, "1", "its layer"),
               each(draft.modules, layer_of));
  builder.declare(kShare);
}

Upstream add_tune(Draft& draft, const GridPoint& at, std::uint64_t point) {
  const TaskEntry& task = draft.sets().tasks[at.task];
  Tune tune;
  tune.model = draft.base.fingerprint;
  tune.method = at.method->name;
  tune.shots = at.drawn_shots(draft.sets());
  const TaskSet shots = tune.shots.read(draft.sets());
  tune.shot_examples = fingerprint(shots);
  if (at.method->is_taught())
    tune.taught = tune.shots.outputs(draft.sets(), draft.deck().text("kshot.teach") == "reasons");
  tune.examples = fingerprint(task.test);
  tune.asking = asking_fingerprint(task);
  if (at.top_k >= 0) tune.top_k = at.top_k;
  if (at.seed >= 0) tune.seed = static_cast<std::uint64_t>(at.seed);
  if (at.method->is_mixture()) tune.modules = draft.modules;
  if (at.method->is_mixture() && !at.method->is_selected()) tune.experts = at.experts;
  if (at.method->start != Start::fresh) tune.bank = draft.bank;
  if (at.method->start == Start::best) {
    tune.best = add_best(draft, at.task);
    draft.builder.place(*tune.best, kExperts, {point});
  }
  if (at.method->is_selected()) tune.selected = add_select(draft, at, point);
  if (at.has_data()) tune.data = add_augment(draft, at, point);
  if (at.method->lessons == Method::Lessons::own)
    tune.learnt =
        each(draft.sets().bank, [](const BankEntry& entry) { return fingerprint(entry.set); });
  tune.abilities = draft.worker.abilities.fields();
  if (at.method->is_kept() && draft.keeps_weights) tune.kept = delta_dtype(draft.deck());

  const auto [stage, is_new] =
      draft.builder.add(tune, "tune " + at.id(draft.sets()), cost_of(draft, at, shots));
  place_test(draft, stage, point);
  draft.place_abilities(stage, point);
  draft.builder.place(stage, tuned_columns(*at.method), {point});
  if (is_new && tune.kept) place_weights(draft, stage, tune, at.experts);
  return stage;
}

}  // namespace factsweep::kshot
