// Weights that a training leaves in the weights file, in its row of the datasets under /deltas.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/train/differences.hpp"

namespace factsweep {

/// For each of `when` ("final") an output "final/<tensor>" of the stage for every tensor of the
/// model, or of the adapter, whose adapter_config.json is in about/; in store.delta_dtype.
/// `long_name` says what the model's tensors are. InputError: lora.targets matches nothing.
void place_weights(PlanBuilder& builder, Upstream stage, const std::vector<std::string>& when,
                   const ModelConfig& model, const std::optional<LoraConfig>& lora,
                   const std::string& long_name);

/// Emits tensors to the outputs that place_weights() made. The stage may read store.delta_dtype.
TakeTensor weight_outputs(StageRun& run, const std::string& when);

}  // namespace factsweep
