// The models of a sweep: an axis of studies that have several.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/model/config.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/studies/support/trained_part.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

/// grid.model.
void declare_model_axis(OptionTable& table);

/// grid.model, or model.path alone.
std::vector<std::string> model_directories(const Deck& deck);

/// What each of them is called in titles, ids and axes: its last folder, and where others are
/// called so, too, as many folders before it as tell them apart: "run-a-checkpoint-500".
/// InputError: a folder is named twice.
std::vector<std::string> model_names(const Deck& deck);

/// A model of a sweep, as its plan knows it.
struct PlannedModel {
  std::string directory, name;  // name: of titles and axes
  ModelConfig config;
  std::string fingerprint;          // model_fingerprint()
  std::string weights_fingerprint;  // of its weights alone
  double parameters = 0;

  /// All of it, or an adapter, counted when it is first asked for: 10^5 trainings are of few kinds.
  /// InputError: see TrainedPart; it names lora.targets.
  const TrainedPart& trained(const Deck& deck, const std::optional<LoraConfig>& lora = {}) const;

  /// What weights say in a WeightGroup that are to be added to the model: `export` takes no other.
  std::map<std::string, std::string> about() const;

  mutable std::list<TrainedPart> counted = {};  // by trained()
};

/// Reads the model, and adds it to the plan's inputs by the key that names it.
PlannedModel plan_model(PlanBuilder& builder, const std::string& key, const std::string& directory,
                        const std::string& name);
/// The same of all model_directories().
std::vector<PlannedModel> plan_models(PlanBuilder& builder);

/// Tokenizers by their model's directory, and what is missing.
struct CheckedModels {
  std::map<std::string, std::shared_ptr<const Tokenizer>> tokenizers;
  std::vector<std::string> missing;
};

/// Of each directory what Model::load() refuses, short of reading the weights. InputError. Where
/// there are no weights at all, as where a plan alone is wanted, neither they nor a tokenizer need
/// be there: what is not is `missing`.
CheckedModels check_models(const std::vector<std::string>& directories);

}  // namespace factsweep
