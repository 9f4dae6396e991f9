// Linear layers without gradients, with what follows them done while the rows are still in the
// cache. On CPUs by oneDNN, on which float32 is not left to MKL: on AMD's the latter uses half the
// width of the vector units (docs/encoders.md).
#pragma once

#include <torch/types.h>

#include "factsweep/model/weights.hpp"

namespace factsweep::encoder {

// x [N, in] -> [N, out]; torch::NoGradGuard is the caller's.

torch::Tensor linear(const torch::Tensor& x, const Linear& layer);

/// GELU by the error function.
torch::Tensor linear_gelu(const torch::Tensor& x, const Linear& layer);

/// linear(x) + residual [N, out].
torch::Tensor linear_add(const torch::Tensor& x, const Linear& layer,
                         const torch::Tensor& residual);

}  // namespace factsweep::encoder
