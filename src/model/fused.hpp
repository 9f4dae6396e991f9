// The forward pass of inference on CPUs: the same functions as in transformer.cpp, each in one pass
// over memory, and attention that multiplies a prefix shared by all sequences as one matrix.
#pragma once

#include <torch/types.h>

#include "factsweep/model/transformer.hpp"

namespace factsweep::fused {

/// Whether the functions below can take the place of tensor operations: CPU, no gradients wanted,
/// float32 or bfloat16.
bool applies(const torch::Tensor& x);

torch::Tensor rms_norm(const torch::Tensor& x_ND, const torch::Tensor& gain, double epsilon);

/// Adds `branch` to x in place and returns the norm of the sum.
torch::Tensor add_rms_norm(torch::Tensor& x_ND, const torch::Tensor& branch_ND,
                           const torch::Tensor& gain, double epsilon);

/// Gate and up of [N, 2F], SwiGLU's product of both: [N, F].
torch::Tensor silu_times(const torch::Tensor& gate_up);

/// Rotates queries and keys, the first `heads` heads of each row of qkv, in place. cos, sin:
/// float32 [N, E / 2].
void rotate(torch::Tensor& qkv, std::int64_t heads, std::int64_t head_size,
            const torch::Tensor& cos, const torch::Tensor& sin);

/// Attention of the packed rows qkv [N, (H + 2G) E], already rotated, to the context and to their
/// own sequences, in float32. Returns [N, H E]. `layer` chooses the context's entries.
torch::Tensor attention(const torch::Tensor& qkv, const ModelConfig& config,
                        const PackedTokens& tokens, const Context& context, std::size_t layer);

}  // namespace factsweep::fused
