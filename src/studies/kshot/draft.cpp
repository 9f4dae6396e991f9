#include "draft.hpp"

#include <algorithm>
#include <set>

#include "factsweep/core/file.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/stage/common_options.hpp"
#include "options.hpp"

namespace factsweep::kshot {
namespace {

constexpr double kCharactersPerToken = 4.5;

}  // namespace

Draft::Draft(const Deck& deck, const Worker& inputs, std::vector<GridPoint> grid)
    : worker(inputs),
      builder("kshot", deck),
      model(ModelConfig::read(deck.text("model.path"))),
      fingerprint(model_fingerprint(deck.text("model.path"))),
      points(std::move(grid)),
      modules(inputs.sets.bank.front().form.modules),
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
