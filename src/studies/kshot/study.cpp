// Experts of a task from open knowledge and K examples of it (Yang et al., arXiv 2408.15915):
//   bank(adapters)* -> signals(task, draw, adapter)* -> select(N) -+
//   embed(pool)*, embed(task, draw) -> augment(C, tau) ------------+-> tune -> a point
//   bank -> test(task, adapter)* -> best(task)      abilities, of the base model
// sets.cpp: what the study is made of. options.cpp: the deck keys. methods.cpp: the methods.
// grid.cpp: points. adapters.cpp: the bank. draft.cpp: what stages share. stages/: the work.
#include "factsweep/studies/kshot/study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "draft.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/stage/executor.hpp"
#include "factsweep/tasks/evaluation.hpp"
#include "options.hpp"
#include "stages/asking.hpp"
#include "stages/stages.hpp"

namespace factsweep::kshot {

void Worker::prepare(const Deck& deck, const std::string& device) {
  base = Model::load(deck.text("model.path"), parse_dtype(deck.text("model.dtype")),
                     torch::Device(device));
}

namespace {

/// What points ask that make no weights of their own; which adapter is the best, its stage says.
void fill_asked(Draft& draft) {
  std::vector<std::string> asked;
  bool any = false;
  for (const GridPoint& at : draft.points) {
    std::string& what = asked.emplace_back();
    if (at.method->tuning != Method::Tuning::none) continue;
    any = true;
    if (at.method->start == Method::Start::base) what = "/";
    if (at.method->start == Method::Start::own)
      what = bank_group(draft.sets().bank[draft.sets().expert_of(at.task).value()].name);
  }
  if (any) draft.builder.fill(asked_column(draft.sets()), asked);
}

void declare_all(Draft& draft) {
  draft.builder.dimension("task", draft.sets().tasks.size());
  draft.builder.dimension("shot", static_cast<std::uint64_t>(draft.shots));
  declare_bank(draft);
  declare_similarity(draft);
  declare_signals(draft);
  declare_tests(draft);
  declare_selection(draft);
  declare_data(draft);
  declare_tuning(draft);
  fill_asked(draft);
  fill_tables(draft);
}

/// The last stage of a point.
Upstream add_leaf(Draft& draft, const GridPoint& at, std::uint64_t point) {
  if (at.method->tuning != Method::Tuning::none) return add_tune(draft, at, point);
  const auto add = [&] {
    if (at.method->start == Method::Start::base) return add_test(draft, at.task, 0);
    if (at.method->start == Method::Start::own) return add_own(draft, at.task);
    const Upstream best = add_best(draft, at.task);
    draft.builder.place(best, kExperts, {point});
    draft.builder.place(best, asked_column(draft.sets()), {point});
    return best;
  };
  const Upstream leaf = add();
  place_test(draft, leaf, point);
  const bool is_base = at.method->start == Method::Start::base;
  if (draft.worker.abilities.any())
    draft.place_abilities(is_base ? draft.base_abilities.at(0) : leaf, point);
  return leaf;
}

Plan make_plan(const Deck& deck, const Worker& worker, std::vector<GridPoint> points) {
  Draft draft(deck, worker, std::move(points));
  add_points(draft.builder, axes(draft.sets()), draft.points);
  declare_all(draft);
  draft.base_abilities = worker.abilities.plan_base(draft.builder, {draft.base});
  draft.builder.declare(worker.abilities.any_columns());
  draft.bank = add_bank(draft);
  if (deck.flag("bank.evaluate")) {
    for (std::size_t task = 0; task < worker.sets.tasks.size(); ++task) {
      for (std::size_t tested = 0; tested <= worker.sets.bank.size(); ++tested)
        add_test(draft, task, tested);
    }
  }
  for (std::size_t point = 0; point < draft.points.size(); ++point)
    draft.builder.leaf(point, add_leaf(draft, draft.points[point], point));
  return draft.builder.finish();
}

/// InputError: an example that is asked or taught has an input for which the template has no place.
void check_inputs(const Deck& deck, const Sets& sets, const std::vector<GridPoint>& points) {
  if (prompts(deck).find("{input}") != std::string::npos) return;
  const auto check = [&](const TaskSet& set) {
    for (const TaskExample& example : set.examples) {
      if (!example.input.empty())
        throw deck.error("kshot.template",
                         fmt::format("has no {{input}}, and {} has an input.", example.where));
    }
  };
  for (const TaskEntry& task : sets.tasks) check(task.test);
  for (const GridPoint& at : points) {
    const TaskEntry& task = sets.tasks[at.task];
    if (at.shots > 0) check(task.train);
    if (at.has_data()) check(sets.pools[task.pool.value()].set);
  }
  for (const BankEntry& entry : sets.bank) check(entry.set);
}

Expansion expand(const Deck& deck) {
  Worker worker{Sets::read(deck), Abilities::read(deck, kAbilityKeys)};
  worker.sets.look_at_lengths(deck);
  if (deck.text("lora.bias") != "none")
    throw deck.error("lora.bias", "is not supported here: experts are matrices alone. Use none.");
  worker.sets.read_forms(deck, ModelConfig::read(deck.text("model.path")));
  std::vector<GridPoint> points = grid_points(deck, worker.sets);
  keep_shots_out_of_pools(points, worker.sets);
  look_at_shots(deck, points, worker.sets);
  check_inputs(deck, worker.sets, points);
  Plan plan = make_plan(deck, worker, std::move(points));
  plan.notes =
      joined({notes_of(worker.sets.said), worker.abilities.notes({deck.text("model.path")})});
  for (const ReadFile& file : worker.sets.files)
    plan.notes.push_back(fmt::format("{}: of the form '{}': {}", file.file, file.form, file.keys));
  plan.notes.insert(plan.notes.end(), worker.sets.notes.begin(), worker.sets.notes.end());
  for (const BankEntry& entry : worker.sets.bank) {
    const std::string other = other_base(entry.form.config, deck.text("model.path"));
    if (entry.is_brought() && !other.empty())
      plan.notes.push_back(fmt::format("bank '{}': {}", entry.name, other));
    if (!entry.can_be_mixed())
      plan.notes.push_back(fmt::format(
          "bank '{}': it saves whole modules (modules_to_save: {}): it is tested, and asked by "
          "source_best and expert_lora; other methods do not take it",
          entry.name, fmt::join(entry.form.config.saved, ", ")));
  }
  for (const TaskEntry& task : worker.sets.tasks) {
    if (goes_without_data(deck, task))
      plan.notes.push_back(fmt::format(
          "task '{}': no pool of open data, or no augment.encoder to select some: methods learn the "
          "shots alone, as with grid.data_selection = none",
          task.name));
    if (task.chosen)
      plan.notes.push_back(
          fmt::format("task '{}': its shots are the first K of those chosen, in one draw", task.name));
  }
  for (const TaskEntry& task : worker.sets.tasks) {
    for (const TaskSet* set : {&task.train, &task.test}) {
      for (std::string& note : spelling_warnings(deck.text("model.path"), *set))
        plan.notes.push_back(std::move(note));
    }
  }
  return expansion(std::move(plan), deck, std::move(worker),
                   {kBank, kAdapter, kSimilarity, kSignals, kTest, kOwn, kBest, kSelect, kEmbed,
                    kAugment, kTune, kind<Worker, BaseAbilitiesOf<Worker>>()});
}

}  // namespace

Study make_study() {
  return {"kshot",
          declare,
          expand,
          {"accuracy", "accuracy_by_sum", "accuracy_by_mean", "answered", "selected_data"}};
}

}  // namespace factsweep::kshot
