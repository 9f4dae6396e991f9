// Angles of the rotary position embedding.
#pragma once

#include <torch/types.h>

#include <utility>

#include "factsweep/model/transformer.hpp"

namespace factsweep {

/// Cosines and sines [N, 1, R], R = rotary_size, for the tokens' positions, scaled as the config
/// says and laid out for its kind of pairs.
std::pair<torch::Tensor, torch::Tensor> rotation_table(const ModelConfig& config,
                                                       const RopeConfig& rope,
                                                       const PackedTokens& tokens,
                                                       torch::Dtype dtype);

}  // namespace factsweep
