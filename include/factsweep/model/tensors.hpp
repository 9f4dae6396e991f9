// Tensors as the store's arrays and back.
#pragma once

#include <torch/types.h>

#include <vector>

#include "factsweep/core/array.hpp"

namespace factsweep {

/// In `dtype`, float32 or bfloat16, row by row.
Array to_array(const torch::Tensor& tensor, DType dtype);
/// Float32 on the CPU, from an array of float32 or bfloat16.
torch::Tensor to_tensor(const Array& array, at::IntArrayRef shape);

}  // namespace factsweep
