// Parts of the forward pass of training on CPUs with gradients written by hand: each in one pass
// over memory, keeping no more than its input. What one row or one sequence gives depends on no
// other, so trainings that share a pass get what they would get alone.
#pragma once

#include <torch/types.h>

#include <utility>

#include "factsweep/model/transformer.hpp"
#include "rope.hpp"

namespace factsweep::fused {

/// Whether the functions below can take the place of tensor operations: CPU, gradients wanted,
/// float32 or bfloat16.
bool trains(const torch::Tensor& x);

/// Differentiable in x [N, D] and gain.
torch::Tensor training_rms_norm(const torch::Tensor& x, const torch::Tensor& gain, double epsilon);

/// x + branch, and the norm of the sum.
std::pair<torch::Tensor, torch::Tensor> training_add_rms_norm(const torch::Tensor& x,
                                                              const torch::Tensor& branch,
                                                              const torch::Tensor& gain,
                                                              double epsilon);

/// Gate and up of [N, 2F], SwiGLU's product of both: [N, F].
torch::Tensor training_silu_times(const torch::Tensor& gate_up);

/// Causal attention of packed rows qkv [N, (H + 2G) E] within their own sequences, in float32;
/// `turn` rotates queries and keys unless null. Returns [N, H E]. Scores are not kept but computed
/// anew for the gradient.
torch::Tensor training_attention(const torch::Tensor& qkv, const ModelConfig& config,
                                 const PackedTokens& tokens, const Rotation* turn);

/// Cross-entropy of hidden [R, D] times head^T with targets [R]: [R] float32. The head is frozen.
/// The gradient is taken at once from the scores while they are there, so they are never kept.
torch::Tensor training_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& head,
                                     const torch::Tensor& targets);

}  // namespace factsweep::fused
