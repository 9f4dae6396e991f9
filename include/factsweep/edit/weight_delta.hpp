// What an editor changes. Every editor here rewrites MLP down projections (dense::down), which ROME
// and MEMIT read as a store of keys and values.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "factsweep/model/weights.hpp"

namespace factsweep {

struct WeightDelta {
  std::int64_t layer = 0;
  torch::Tensor delta_DF;  // float32 or float64, added to the layer's down projection
};

/// `base` with the deltas added in their order, rounded to `dtype` after each; nothing: to the
/// weights' own. Only the
/// changed matrices are new: all else shares base's storage, and base itself stays as it is, so to
/// restore is to drop the result.
Weights edited(const Weights& base, std::span<const WeightDelta> deltas,
               std::optional<torch::Dtype> dtype = std::nullopt);

}  // namespace factsweep
