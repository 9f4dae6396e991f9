// A mixture of experts in place of an MLP.
#pragma once

#include <torch/types.h>

#include "kernels.hpp"

namespace factsweep {

/// Each row of x [N, D] through the experts that the router likes most, weighted: [N, D]. The rows
/// of an expert are multiplied together. A device waits once, for how many rows each expert has.
torch::Tensor mix_experts(const ModelConfig& config, const LayerWeights& layer,
                          const Kernels& kernels, const torch::Tensor& x);

}  // namespace factsweep
