// What a training changes: all weights of a model, or an adapter of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/adapter/lora_config.hpp"
#include "factsweep/model/config.hpp"

namespace factsweep {

using NamedShapes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;

/// Elements of all the tensors.
double elements_of(const NamedShapes& tensors);

/// Counted tensor by tensor, which takes a while: see PlannedModel::trained().
struct TrainedPart {
  std::optional<LoraConfig> lora;   // nothing: all weights
  std::vector<LoraTarget> targets;  // of the adapter
  NamedShapes tensors;
  double elements = 0;  // of all tensors
  /// Inputs of a layer's linears that stay for the backward pass, in elements a token: those of
  /// trained matrices and of adapters, which with dropout have each their own.
  double attention_inputs = 0, mlp_inputs = 0;

  /// `where` begins messages. InputError: the adapter's targets match nothing.
  TrainedPart(const ModelConfig& model, const std::optional<LoraConfig>& lora,
              const std::string& where);
};

}  // namespace factsweep
