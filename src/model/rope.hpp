// Angles of the rotary position embedding.
#pragma once

#include <torch/types.h>

#include "factsweep/model/transformer.hpp"

namespace factsweep {

/// For the tokens' positions, scaled as the config says; R = rotary_size.
struct Rotation {
  torch::Tensor cos_N1R, sin_N1R;  // in the weights' dtype, laid out for the config's pairs
  torch::Tensor cos, sin;          // float32 [N, R / 2], one a pair, for the kernels of CPUs
};

Rotation rotation(const ModelConfig& config, const RopeConfig& rope, const PackedTokens& tokens,
                  torch::Dtype dtype);

}  // namespace factsweep
