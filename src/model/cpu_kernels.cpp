#include "cpu_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu_lanes.hpp"

namespace factsweep::cpu {
namespace {

template <typename T>
FACTSWEEP_INLINE void rms_norm_rows(const T* x, const T* gain, T* y, std::int64_t rows,
                                    std::int64_t width, float epsilon) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, y += width) {
    float lanes[kLanes] = {};
    std::int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane)
        lanes[lane] += load(x[i + lane]) * load(x[i + lane]);
    }
    float total = sum(lanes);
    for (; i < width; ++i) total += load(x[i]) * load(x[i]);
    const float scale = 1.0F / std::sqrt(total / static_cast<float>(width) + epsilon);
    for (std::int64_t j = 0; j < width; ++j) {
      T rounded;
      store(load(x[j]) * scale, rounded);
      store(load(rounded) * load(gain[j]), y[j]);
    }
  }
}

template <typename T>
FACTSWEEP_INLINE void add_row(T* __restrict x, const T* __restrict branch, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) store(load(x[j]) + load(branch[j]), x[j]);
}

template <typename T>
FACTSWEEP_INLINE void add_rms_norm_rows(T* x, const T* branch, const T* gain, T* y,
                                        std::int64_t rows, std::int64_t width, float epsilon) {
  for (std::int64_t row = 0; row < rows; ++row, x += width, branch += width, y += width) {
    add_row(x, branch, width);
    rms_norm_rows(x, gain, y, 1, width, epsilon);
  }
}

template <typename T>
FACTSWEEP_INLINE void silu_times_row(const T* __restrict gate, const T* __restrict up,
                                     T* __restrict y, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) {
    const float x = load(gate[j]);
    const float bounded = x < -80.0F ? -80.0F : x;  // exp(80) is still finite
    store(x / (1.0F + exponential(-bounded)) * load(up[j]), y[j]);
  }
}

template <typename T>
FACTSWEEP_INLINE void silu_times_rows(const T* gate_up, T* y, std::int64_t rows,
                                      std::int64_t width) {
  const std::int64_t half = width / 2;
  for (std::int64_t row = 0; row < rows; ++row, gate_up += width, y += half)
    silu_times_row(gate_up, gate_up + half, y, half);
}

template <typename T>
FACTSWEEP_INLINE void rotate_rows(T* x, std::int64_t rows, std::int64_t stride, std::int64_t heads,
                                  std::int64_t head_size, const float* cos, const float* sin,
                                  std::int64_t rotated) {
  const std::int64_t half = rotated / 2;
  for (std::int64_t row = 0; row < rows; ++row, x += stride, cos += half, sin += half) {
    for (std::int64_t head = 0; head < heads; ++head) {
      T* first = x + head * head_size;
      T* second = first + half;
      for (std::int64_t e = 0; e < half; ++e) {
        const float a = load(first[e]), b = load(second[e]);
        store(a * cos[e] - b * sin[e], first[e]);
        store(b * cos[e] + a * sin[e], second[e]);
      }
    }
  }
}

}  // namespace

FACTSWEEP_CLONES void rms_norm(const float* x, const float* gain, float* y, std::int64_t rows,
                               std::int64_t width, float epsilon) {
  rms_norm_rows(x, gain, y, rows, width, epsilon);
}
FACTSWEEP_CLONES void rms_norm(const Bf16* x, const Bf16* gain, Bf16* y, std::int64_t rows,
                               std::int64_t width, float epsilon) {
  rms_norm_rows(x, gain, y, rows, width, epsilon);
}

FACTSWEEP_CLONES void add_rms_norm(float* x, const float* branch, const float* gain, float* y,
                                   std::int64_t rows, std::int64_t width, float epsilon) {
  add_rms_norm_rows(x, branch, gain, y, rows, width, epsilon);
}
FACTSWEEP_CLONES void add_rms_norm(Bf16* x, const Bf16* branch, const Bf16* gain, Bf16* y,
                                   std::int64_t rows, std::int64_t width, float epsilon) {
  add_rms_norm_rows(x, branch, gain, y, rows, width, epsilon);
}

FACTSWEEP_CLONES void silu_times(const float* gate_up, float* y, std::int64_t rows,
                                 std::int64_t width) {
  silu_times_rows(gate_up, y, rows, width);
}
FACTSWEEP_CLONES void silu_times(const Bf16* gate_up, Bf16* y, std::int64_t rows,
                                 std::int64_t width) {
  silu_times_rows(gate_up, y, rows, width);
}

FACTSWEEP_CLONES void rotate(float* x, std::int64_t rows, std::int64_t stride, std::int64_t heads,
                             std::int64_t head_size, const float* cos, const float* sin,
                             std::int64_t rotated) {
  rotate_rows(x, rows, stride, heads, head_size, cos, sin, rotated);
}
FACTSWEEP_CLONES void rotate(Bf16* x, std::int64_t rows, std::int64_t stride, std::int64_t heads,
                             std::int64_t head_size, const float* cos, const float* sin,
                             std::int64_t rotated) {
  rotate_rows(x, rows, stride, heads, head_size, cos, sin, rotated);
}

FACTSWEEP_CLONES void to_float(const Bf16* x, float* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = load(x[i]);
}

FACTSWEEP_CLONES void to_bf16(const float* x, Bf16* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) store(x[i], y[i]);
}

FACTSWEEP_CLONES void attend(const QueryGroup& query, const float* const* keys,
                             const float* const* values, std::int64_t count, float* scratch) {
  for (std::int64_t r = 0; r < query.group; ++r) {
    const float* q = query.queries + r * query.head_size;
    float* prefix = query.prefix + r * query.prefix_length;
    float* mixed = query.mixed + r * query.head_size;
    for (std::int64_t j = 0; j < count; ++j) scratch[j] = dot(q, keys[j], query.head_size);
    float top = largest(scratch, count, -std::numeric_limits<float>::infinity());
    top = largest(prefix, query.prefix_length, top);
    const float total =
        exponentiate(scratch, count, top) + exponentiate(prefix, query.prefix_length, top);
    const float scale = 1.0F / total;
    for (std::int64_t j = 0; j < query.prefix_length; ++j) prefix[j] *= scale;
    std::fill(mixed, mixed + query.head_size, 0.0F);
    for (std::int64_t j = 0; j < count; ++j) {
      const float weight = scratch[j] * scale;
      const float* value = values[j];
      for (std::int64_t e = 0; e < query.head_size; ++e) mixed[e] += weight * value[e];
    }
  }
}

}  // namespace factsweep::cpu
