#include "draft.hpp"

#include <algorithm>
#include <set>

#include "factsweep/core/file.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "options.hpp"

namespace factsweep::kshot {
namespace {

constexpr double kCharactersPerToken = 4.5;

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

}  // namespace

Draft::Draft(const Deck& deck, const Worker& inputs, std::vector<GridPoint> grid)
    : worker(inputs),
      builder("kshot", deck),
      model(ModelConfig::read(deck.text("model.path"))),
      fingerprint(model_fingerprint(deck.text("model.path"))),
      points(std::move(grid)),
      modules(mixed_modules(deck, inputs.sets, model, points)),
      template_bytes_(prompts(deck).size()) {
  builder.model_bytes(static_cast<double>(model.parameters()) * weight_bytes(deck));
  std::set<std::int64_t> all_draws;
  for (const GridPoint& at : points) {
    shots = std::max(shots, at.shots);
    experts = std::max(experts, at.experts);
    samples = std::max(samples, at.budget);
    if (at.draw >= 0) all_draws.insert(at.draw);
  }
  draws.assign(all_draws.begin(), all_draws.end());
  if (!deck.text("augment.encoder").empty()) read_encoder(deck.text("augment.encoder"));
}

void Draft::read_encoder(const std::string& directory) {
  const auto config = read_json(std::filesystem::path(directory) / "config.json");
  if (!config.contains("hidden_size") || !config.at("hidden_size").is_number_integer())
    throw InputError(directory + "/config.json: has no number 'hidden_size'.");
  width = config.at("hidden_size");
  encoder = encoder_fingerprint(directory);
}

Shots Draft::all_shots(std::size_t task, std::int64_t draw) const {
  return {sets().tasks[task].name, draw, shots};
}

double Draft::tokens_of(const TaskSet& set) const {
  const double longest = static_cast<double>(deck().integer("kshot.longest"));
  double tokens = 0;
  for (const TaskExample& example : set.examples) {
    const std::size_t characters =
        template_bytes_ + example.instruction.size() + example.input.size() + example.output.size();
    tokens += std::min(longest, static_cast<double>(characters) / kCharactersPerToken);
  }
  return tokens;
}

}  // namespace factsweep::kshot
