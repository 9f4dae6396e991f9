// Inner loops of training on CPU rows, beside those of cpu_kernels.hpp: gradients, and attention's
// steps between its matrix products. One pass over memory each.
#pragma once

#include <cstdint>

#include "cpu_kernels.hpp"

namespace factsweep::cpu {

/// gx = gradient of rms_norm(x) for gy, plus `added` unless null. Rows of `width`.
void rms_norm_gradient(const float* x, const float* gain, const float* gy, const float* added,
                       float* gx, std::int64_t rows, std::int64_t width, float epsilon);
void rms_norm_gradient(const Bf16* x, const Bf16* gain, const Bf16* gy, const Bf16* added, Bf16* gx,
                       std::int64_t rows, std::int64_t width, float epsilon);

/// Gradient of silu_times(gate_up) for gy [rows, width / 2].
void silu_times_gradient(const float* gate_up, const float* gy, float* gx, std::int64_t rows,
                         std::int64_t width);
void silu_times_gradient(const Bf16* gate_up, const Bf16* gy, Bf16* gx, std::int64_t rows,
                         std::int64_t width);

/// One head of packed rows that are `stride` apart, and of float32 rows that are `wide_stride`
/// apart. Pairs (e, e + half) of its first 2 half elements turn by angles whose cos and sin are
/// [rows, half].
struct HeadRows {
  std::int64_t rows, stride, wide_stride, head_size, half;
  const float *cos, *sin;
};

/// y = the head x, turned, times `scale`.
void gather_head(const float* x, const HeadRows& head, float scale, float* y);
void gather_head(const Bf16* x, const HeadRows& head, float scale, float* y);

/// The gradient of that: x = gy, turned back, times `scale`.
void scatter_head(const float* gy, const HeadRows& head, float scale, float* x);
void scatter_head(const float* gy, const HeadRows& head, float scale, Bf16* x);

/// Scores of queries [first, last), `group` rows for each, with keys [0, last) become
/// probabilities: softmax over keys [0, t] in the rows of query t, zero after them.
void causal_softmax(float* scores, std::int64_t first, std::int64_t last, std::int64_t group);

/// Gradient of causal_softmax, in place of the probabilities' gradient `g`.
void causal_softmax_gradient(const float* p, float* g, std::int64_t first, std::int64_t last,
                             std::int64_t group);

/// Cross-entropy of each row of scores [rows, width], in float32; scores become their gradient,
/// softmax minus the target's one.
void cross_entropy(float* scores, const std::int64_t* targets, float* losses, std::int64_t rows,
                   std::int64_t width, float* scratch);
void cross_entropy(Bf16* scores, const std::int64_t* targets, float* losses, std::int64_t rows,
                   std::int64_t width, float* scratch);

}  // namespace factsweep::cpu
