#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "builder.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "kshot.hpp"

namespace factsweep::kshot {
namespace {

constexpr double kCharactersPerToken = 4.5;

/// At least as many bytes as MoeAdapter::json() has.
std::size_t mixture_config_bytes(const Sets& sets, const std::vector<std::string>& modules,
                                 std::int64_t experts) {
  std::size_t longest = 0, bytes = 512;
  for (const BankEntry& entry : sets.bank) longest = std::max(longest, entry.name.size());
  const auto count = static_cast<std::size_t>(experts);
  for (const std::string& module : modules) bytes += module.size() + 64 + count * 64;
  return bytes + count * (longest + 16);
}

}  // namespace

double Builder::tokens_of(const TaskSet& set) const {
  const double longest = static_cast<double>(deck_.integer("kshot.longest"));
  double tokens = 0;
  for (const TaskExample& example : set.examples) {
    const std::size_t characters = template_.size() + example.instruction.size() +
                                   example.input.size() + example.output.size();
    tokens += std::min(longest, static_cast<double>(characters) / kCharactersPerToken);
  }
  return tokens;
}

void point_output(Stage& stage, const std::string& name, bool shared) {
  stage.outputs.push_back({name, {}, shared});
}

Builder::Builder(const Deck& deck, const Sets& sets)
    : deck_(deck),
      sets_(sets),
      model_(ModelConfig::read(deck.text("model.path"))),
      model_fingerprint_(model_fingerprint(deck.text("model.path"))),
      template_(prompt_template(deck.text("kshot.template"),
                                deck.where("kshot.template") + ": kshot.template")),
      points_(grid_points(deck, sets)) {
  if (deck.text("lora.bias") != "none")
    throw deck.error("lora.bias", "is not supported here: experts are matrices alone. Use none.");
  read_adapters();
  measure();
  check_sums();
  check_kept();
  if (!deck.text("augment.encoder").empty()) read_encoder();
}

Plan Builder::build() {
  plan_.study = "kshot";
  plan_.axes = axes();
  plan_.model_bytes = static_cast<double>(model_.parameters()) * weight_bytes(deck_);
  plan_.datasets = study_datasets(shape_, sets_, draws_);
  for (DatasetSpec& spec : point_datasets(shape_, sets_, points_)) {
    if (spec.dimensions.front() == "point" && spec.content.bytes.empty())
      of_points_.push_back(spec);
    plan_.datasets.push_back(std::move(spec));
  }
  add_bank();
  if (deck_.flag("bank.evaluate")) {
    for (std::size_t task = 0; task < sets_.tasks.size(); ++task) {
      for (std::size_t model = 0; model <= sets_.bank.size(); ++model) test(task, model);
    }
  }
  for (const GridPoint& at : points_) {
    Point point = make_point(at, sets_);
    const std::size_t row = plan_.points.size();
    point.leaf = leaf(at, row);
    add_places(point.leaf, row);
    plan_.points.push_back(std::move(point));
  }
  return std::move(plan_);
}

void Builder::measure() {
  std::set<std::int64_t> draws;
  const auto raise = [](std::uint64_t& value, std::int64_t to) {
    value = std::max(value, static_cast<std::uint64_t>(std::max<std::int64_t>(to, 1)));
  };
  for (const GridPoint& at : points_) {
    raise(shape_.shots, at.shots);
    raise(shape_.experts, at.experts);
    raise(shape_.samples, at.budget);
    if (at.draw >= 0) draws.insert(at.draw);
  }
  for (const TaskEntry& task : sets_.tasks)
    raise(shape_.examples, static_cast<std::int64_t>(task.test.examples.size()));
  draws_ = {draws.begin(), draws.end()};
  shape_.points = std::max<std::uint64_t>(points_.size(), 1);
  shape_.tasks = sets_.tasks.size();
  shape_.adapters = sets_.bank.size();
  shape_.draws = std::max<std::uint64_t>(draws_.size(), 1);
  raise(shape_.bank_epochs, deck_.integer("bank.epochs"));
  raise(shape_.epochs, deck_.integer("moe.epochs"));
  shape_.modules = adapters_.front().modules();
  const auto other = std::find_if(adapters_.begin(), adapters_.end(), [&](const AdapterForm& form) {
    return form.shapes != adapters_.front().shapes;
  });
  shape_.products = deck_.text("kshot.diversity") == "products" || other != adapters_.end();
}

/// What is kept has a shape that is known before anything is selected.
void Builder::check_kept() const {
  const bool one_form = std::all_of(
      adapters_.begin(), adapters_.end(),
      [&](const AdapterForm& form) { return form.scaling() == adapters_.front().scaling(); });
  if (one_form || deck_.text("store.deltas") == "none") return;
  throw deck_.error("store.deltas",
                    "needs a bank whose adapters are of one rank and one alpha: else nobody knows "
                    "how large a mixture will be. Use none, or bring adapters that are alike.");
}

/// LoRAHub adds up matrices.
void Builder::check_sums() const {
  const bool asked = std::any_of(points_.begin(), points_.end(), [](const GridPoint& at) {
    return at.method->tuning == Method::Tuning::search;
  });
  const auto other = std::find_if(adapters_.begin(), adapters_.end(), [&](const AdapterForm& form) {
    return form.scaling() != adapters_.front().scaling();
  });
  if (!asked || other == adapters_.end()) return;
  const auto which = static_cast<std::size_t>(other - adapters_.begin());
  throw deck_.error(
      "grid.method",
      fmt::format(
          "has lorahub, which adds up the matrices of adapters, so they have to be of one "
          "rank and one alpha; but '{}' has {} and '{}' has {}. Leave lorahub out, or bring "
          "adapters that are alike.",
          sets_.bank.front().name, adapters_.front().scaling(), sets_.bank[which].name,
          other->scaling()));
}

Stage Builder::stage(const std::string& kind, const std::string& title) const {
  Stage result;
  result.kind = kind;
  result.title = kind + " " + title;
  result.configuration = {{"model", model_fingerprint_}, {"dtype", deck_.text("model.dtype")}};
  return result;
}

/// One row of a dataset that was declared before: offsets of its first dimensions.
Output Builder::row_of(const std::string& path, const std::vector<std::uint64_t>& at,
                       bool shared) const {
  const auto spec = std::find_if(plan_.datasets.begin(), plan_.datasets.end(),
                                 [&](const DatasetSpec& item) { return item.path == path; });
  require(spec != plan_.datasets.end(), "kshot: no dataset " + path);
  Slab slab = whole(*spec);
  for (std::size_t i = 0; i < at.size(); ++i) {
    slab.offset[i] = at[i];
    slab.count[i] = 1;
  }
  return {path.substr(1), {slab}, shared};
}

void Builder::test_outputs(Stage& stage) const {
  for (const TestColumn& column : test_columns(sets_)) point_output(stage, column.output());
}

/// The row of `point` of every dataset of points that the stage has an output for, or of `only`.
void Builder::add_places(std::size_t index, std::uint64_t point, std::string_view only) {
  for (const DatasetSpec& spec : of_points_) {
    for (Output& output : plan_.stages[index].outputs) {
      if (output.name != spec.path.substr(1) || (!only.empty() && output.name != only)) continue;
      Slab slab = whole(spec);
      slab.offset[0] = point;
      slab.count[0] = 1;
      output.places.push_back(std::move(slab));
    }
  }
}

void Builder::evaluation(Stage& stage, const TaskEntry& task) const {
  stage.configuration["evaluation"] = deck_.science({"eval.", "kshot.template"});
  stage.configuration["evaluation"].erase("eval.test_examples");
  TaskSet worked;
  worked.examples = task.worked;
  stage.configuration["worked"] = fingerprint(worked);
  stage.cost_flop += 2.5 * tokens_of(task.test) * model_.flop_per_token();
}

void Builder::training_memory(Stage& stage, double adapters) const {
  stage.memory_bytes = adapters * training_bytes(model_, lora_config(deck_), lora_place(deck_)) +
                       activation_bytes(deck_, model_, deck_.integer("train.microbatch_tokens"));
}

/// The largest K of the deck at once: smaller draws are part of it.
TaskSet Builder::all_shots(std::size_t task, std::int64_t draw) const {
  const TaskEntry& entry = sets_.tasks[task];
  return pick(entry.train, shots_of(entry, static_cast<std::int64_t>(shape_.shots), draw));
}

std::size_t Builder::leaf(const GridPoint& at, std::uint64_t point) {
  using Start = Method::Start;
  if (at.method->tuning == Method::Tuning::none) {
    if (at.method->start == Start::base) return test(at.task, 0);
    if (at.method->start == Start::own) return own(at.task);
    return best(at.task);
  }
  std::vector<std::size_t> upstream;
  const auto stand_on = [&](std::size_t stage) {
    upstream.push_back(stage);
    add_places(stage, point);
  };
  if (at.method->start == Start::best) {
    upstream.push_back(best(at.task));
    add_places(upstream.back(), point, "selection/adapter");
  }
  if (at.method->is_selected()) stand_on(select(at));
  if (at.has_data()) stand_on(augment(at));
  if (at.method->start != Start::fresh)
    upstream.insert(upstream.end(), bank_stages_.begin(), bank_stages_.end());
  return tune(at, upstream);
}

void Builder::learning_outputs(Stage& stage) const {
  for (const char* name : {"train_seconds", "left_out", "shortened"})
    point_output(stage, std::string("points/") + name);
}

std::size_t Builder::tune(const GridPoint& at, const std::vector<std::size_t>& upstream) {
  using Tuning = Method::Tuning;
  const TaskEntry& task = sets_.tasks[at.task];
  const TaskSet shots = pick(task.train, shots_of(task, at.shots, at.draw));
  Stage result = stage("tune", at.id(sets_));
  result.upstream = upstream;
  result.configuration["method"] = at.method->name;
  result.configuration["task"] = task.name;
  result.configuration["examples"] = fingerprint(task.test);
  result.configuration["shots"] = at.shots;
  result.configuration["draw"] = at.draw;
  result.configuration["shot_examples"] = fingerprint(shots);
  if (at.top_k >= 0) result.configuration["top_k"] = at.top_k;
  if (at.seed >= 0) result.configuration["seed"] = at.seed;
  evaluation(result, task);
  test_outputs(result);
  if (at.method->has_data()) {
    result.configuration["training"] =
        deck_.science({"moe.", "train.", "lora.", "kshot.template", "kshot.longest"});
    double tokens = tokens_of(shots);
    if (at.has_data()) {
      const TaskSet& pool = sets_.pools[*task.pool].set;
      tokens += tokens_of(pool) * static_cast<double>(at.budget) /
                static_cast<double>(pool.examples.size());
    }
    result.cost_flop +=
        2 * static_cast<double>(deck_.integer("moe.epochs")) * tokens * model_.flop_per_token();
    training_memory(result, std::max<double>(1, static_cast<double>(at.experts)));
    point_output(result, "curves/loss");
    learning_outputs(result);
  }
  if (at.method->tuning == Tuning::search) {
    result.configuration["search"] = deck_.science({"lorahub.", "kshot.template", "kshot.longest"});
    result.cost_flop += static_cast<double>(deck_.integer("lorahub.evaluations")) *
                        tokens_of(shots) * model_.flop_per_token();
    learning_outputs(result);
  }
  if (at.method->tuning == Tuning::search || at.method->tuning == Tuning::average)
    point_output(result, "selection/weight");
  if (at.method->is_mixture()) {
    result.configuration["modules"] = shape_.modules;  // rows of /moe/share, in their order
    point_output(result, "moe/share");
  }
  const std::size_t before = plan_.stages.size(), index = plan_.add_stage(std::move(result));
  if (plan_.stages.size() > before && at.method->is_kept()) weight_outputs(index, at);
  return index;
}

/// "final/<tensor>" of the weights file, and what they are.
void Builder::weight_outputs(std::size_t index, const GridPoint& at) {
  if (deck_.text("store.deltas") == "none") return;
  Stage& stage = plan_.stages[index];
  const std::string base = fmt::format("/deltas/{}/", stage.key);
  const bool fresh = at.method->start == Method::Start::fresh;
  const auto lora = fresh ? adapter_shapes(lora_config(deck_), model_, lora_place(deck_))
                          : adapters_.front().shapes;
  const auto add = [&](const std::string& output, DatasetSpec spec) {
    spec.file = File::weights;
    stage.outputs.push_back({output, {whole(spec)}, false});
    plan_.datasets.push_back(std::move(spec));
  };
  if (at.method->is_mixture()) {
    add(kMixtureConfig, {.path = base + kMixtureConfig,
                         .dtype = DType::text,
                         .text_length = mixture_config_bytes(sets_, shape_.modules, at.experts),
                         .shape = {1},
                         .long_name = "the mixture's moe.json"});
  } else {
    plan_.datasets.push_back(
        adapter_config(base + kAdapterConfig,
                       fresh ? stored_lora_config(deck_).json(model_) : adapters_.front().config));
  }
  for (const auto& [name, shape] :
       at.method->is_mixture() ? mixture_shapes(lora, at.experts) : lora)
    add("final/" + name, {.path = base + "final/" + name,
                          .dtype = delta_dtype(deck_),
                          .shape = {shape.begin(), shape.end()},
                          .long_name = "tensor of what the point has trained"});
}

Plan KShotExecutor::expand(const Deck& deck) {
  deck_ = std::make_unique<Deck>(deck);
  sets_ = Sets::read(deck);
  return Builder(*deck_, sets_).build();
}

}  // namespace factsweep::kshot
