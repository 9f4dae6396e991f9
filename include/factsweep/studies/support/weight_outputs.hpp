// Weights that a training leaves in the weights file, in its row of the datasets under /deltas.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/train/differences.hpp"

namespace factsweep {

/// The model that stored weights are to be added to: `export` takes no other.
struct BaseModel {
  std::string directory, fingerprint;  // see weights_fingerprint()

  static BaseModel of(const std::string& directory);
  /// As texts of a WeightGroup.
  std::map<std::string, std::string> about() const;
};

/// For each of `when` ("final") an output "final/<tensor>" of the stage for every tensor of the
/// model, or of the adapter, whose adapter_config.json is in about/; in store.delta_dtype.
/// `long_name` says what the model's tensors are; about/ says what `base` is, too. InputError:
/// lora.targets matches nothing.
void place_weights(PlanBuilder& builder, Upstream stage, const std::vector<std::string>& when,
                   const ModelConfig& model, const std::optional<LoraConfig>& lora,
                   const std::string& long_name, const BaseModel& base);

/// Emits tensors to the outputs that place_weights() made. The stage may read store.delta_dtype.
TakeTensor weight_outputs(StageRun& run, const std::string& when);

}  // namespace factsweep
