#include "draft.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "factsweep/core/file.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "options.hpp"

namespace factsweep::kshot {
namespace {

PlannedModel base_of(PlanBuilder& builder) {
  const std::filesystem::path directory = builder.deck().text("model.path");
  return plan_model(builder, "model.path", directory, (directory / "").parent_path().filename());
}

/// What the bank's adapters adapt, and fresh experts where there are any.
std::vector<std::string> mixed_modules(const Deck& deck, const Sets& sets, const ModelConfig& model,
                                       const std::vector<GridPoint>& points) {
  std::set<std::string> adapted(sets.form.modules.begin(), sets.form.modules.end());
  const bool has_fresh = std::any_of(points.begin(), points.end(), [](const GridPoint& at) {
    return at.method->is_mixture() && at.method->start == Method::Start::fresh;
  });
  if (has_fresh) {
    for (const LoraTarget& target : find_targets(lora_config(deck), model, lora_place(deck)))
      adapted.insert(target.module.name);
  }
  std::vector<std::string> list;
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (const LinearModule& module : linear_modules(model, layer)) {
      if (adapted.count(module.name) != 0) list.push_back(module.name);
    }
  }
  return list;
}

/// The first examples of each set.
std::vector<std::string> sample_texts(const Sets& sets) {
  constexpr std::size_t kOfEach = 20;
  std::vector<std::string> texts;
  const auto add = [&](const TaskSet& set) {
    for (std::size_t i = 0; i < std::min(kOfEach, set.examples.size()); ++i) {
      const TaskExample& example = set.examples[i];
      texts.push_back(example.instruction + example.input + example.output);
    }
  };
  for (const TaskEntry& task : sets.tasks) {
    add(task.train);
    add(task.test);
  }
  for (const Pool& pool : sets.pools) add(pool.set);
  for (const BankEntry& entry : sets.bank) add(entry.set);
  return texts;
}

}  // namespace

Draft::Draft(const Deck& deck, const Worker& inputs, std::vector<GridPoint> grid)
    : worker(inputs),
      builder("kshot", deck),
      base(base_of(builder)),
      points(std::move(grid)),
      modules(mixed_modules(deck, inputs.sets, model, points)),
      template_bytes_(prompts(deck).size()),
      characters_per_token_(
          factsweep::characters_per_token(deck.text("model.path"), sample_texts(inputs.sets))) {
  std::set<std::int64_t> all_draws;
  for (const GridPoint& at : points) {
    shots = std::max(shots, at.shots);
    experts = std::max(experts, at.experts);
    samples = std::max(samples, at.budget);
    if (at.draw >= 0) all_draws.insert(at.draw);
  }
  draws.assign(all_draws.begin(), all_draws.end());
  if (!deck.text("augment.encoder").empty()) read_encoder(deck.text("augment.encoder"));
  builder.model_bytes(weight_bytes(deck) * (base.parameters + encoder_parameters_));
}

void Draft::read_encoder(const std::string& directory) {
  Encoder::check(directory);
  const auto config = read_json(std::filesystem::path(directory) / "config.json");
  if (!config.contains("hidden_size") || !config.at("hidden_size").is_number_integer())
    throw InputError(directory + "/config.json: has no number 'hidden_size'.");
  width = config.at("hidden_size");
  const auto size = [&](const char* name) { return config.value(name, 0.0); };
  const double side = static_cast<double>(width);
  encoder_parameters_ = size("vocab_size") * side + size("num_hidden_layers") * side *
                                                        (4 * side + 2 * size("intermediate_size"));
  encoder = encoder_fingerprint(directory);
}

Shots Draft::all_shots(std::size_t task, std::int64_t draw) const {
  return {sets().tasks[task].name, draw, shots};
}

Lengths Draft::lengths_of(const TaskSet& set) const {
  const double longest = static_cast<double>(deck().integer("kshot.longest"));
  Lengths lengths;
  for (const TaskExample& example : set.examples) {
    const auto tokens = [&](std::size_t characters) {
      return static_cast<double>(characters) / characters_per_token_;
    };
    const double prompt =
        tokens(template_bytes_ + example.instruction.size() + example.input.size());
    const double whole = std::min(longest, prompt + tokens(example.output.size()));
    lengths.add(Lengths::of(whole, std::max(1.0, whole - prompt)));
  }
  return lengths;
}

}  // namespace factsweep::kshot
