// Causal attention of packed sequences with a gradient written by hand, on CPUs.
#pragma once

#include <torch/types.h>

#include "factsweep/model/transformer.hpp"
#include "rope.hpp"

namespace factsweep {

/// Of packed rows qkv [N, (H + 2G) E] within their own sequences, in float32; `turn` rotates
/// queries and keys unless null. Returns [N, H E]. Scores are not kept but computed anew for the
/// gradient.
torch::Tensor training_attention(const torch::Tensor& qkv, const ModelConfig& config,
                                 const PackedTokens& tokens, const Rotation* turn);

}  // namespace factsweep
