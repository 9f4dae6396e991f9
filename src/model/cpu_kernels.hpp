// Inner loops of the forward pass without gradients, on CPU rows: one pass over memory each, where
// a chain of tensor operations takes several. Plain C++, compiled for several instruction sets, the
// best of which is chosen when the program starts.
#pragma once

#include <cstdint>

namespace factsweep::cpu {

/// The bits of a bfloat16 number, as torch stores it.
enum class Bf16 : std::uint16_t {};

/// y = x / sqrt(mean(x^2) + epsilon), rounded to the rows' type, times gain. Rows of `width`.
void rms_norm(const float* x, const float* gain, float* y, std::int64_t rows, std::int64_t width,
              float epsilon);
void rms_norm(const Bf16* x, const Bf16* gain, Bf16* y, std::int64_t rows, std::int64_t width,
              float epsilon);

/// x += branch, then y = rms_norm(x): the seam between two blocks of a layer.
void add_rms_norm(float* x, const float* branch, const float* gain, float* y, std::int64_t rows,
                  std::int64_t width, float epsilon);
void add_rms_norm(Bf16* x, const Bf16* branch, const Bf16* gain, Bf16* y, std::int64_t rows,
                  std::int64_t width, float epsilon);

/// Rows of `width` hold gate and up, width / 2 each: y = gate * sigmoid(gate) * up.
void silu_times(const float* gate_up, float* y, std::int64_t rows, std::int64_t width);
void silu_times(const Bf16* gate_up, Bf16* y, std::int64_t rows, std::int64_t width);

/// Rotary embedding in place of the first `heads` heads of rows that are `stride` apart: pairs
/// (e, e + rotated / 2), e < rotated / 2, turn by the angles whose cos and sin are [rows, rotated /
/// 2].
void rotate(float* x, std::int64_t rows, std::int64_t stride, std::int64_t heads,
            std::int64_t head_size, const float* cos, const float* sin, std::int64_t rotated);
void rotate(Bf16* x, std::int64_t rows, std::int64_t stride, std::int64_t heads,
            std::int64_t head_size, const float* cos, const float* sin, std::int64_t rotated);

void to_float(const Bf16* x, float* y, std::int64_t count);
void to_bf16(const float* x, Bf16* y, std::int64_t count);

/// One query group: `group` query heads of one token that share a key-value head.
struct QueryGroup {
  const float* queries;  // [group, head_size], scaled
  float* prefix;         // [group, prefix_length]: scores in, probabilities out
  float* mixed;  // [group, head_size]: out, the share of `keys` in the weighted sum of values
  std::int64_t group, head_size, prefix_length;
};

/// Keys and values that a query group sees besides the prefix: `count` rows, pointers to each.
/// Softmax runs over prefix and rows together. `scratch` holds count floats.
void attend(const QueryGroup& query, const float* const* keys, const float* const* values,
            std::int64_t count, float* scratch);

}  // namespace factsweep::cpu
