#include "cpu_kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

// ifunc resolvers run before a sanitizer is ready
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define FACTSWEEP_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FACTSWEEP_CLONES
#endif
#define FACTSWEEP_INLINE [[gnu::always_inline]] inline

namespace factsweep::cpu {
namespace {

constexpr int kLanes = 16;  // partial sums: a fixed order of additions on every instruction set

FACTSWEEP_INLINE float load(float x) {
  return x;
}
FACTSWEEP_INLINE float load(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16);
}
FACTSWEEP_INLINE void store(float x, float& y) {
  y = x;
}
/// Round to nearest even; a nan stays one.
FACTSWEEP_INLINE void store(float x, Bf16& y) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40U;
  y = static_cast<Bf16>((bits & 0x7fffffffU) > 0x7f800000U ? quiet : rounded);
}

/// exp(x) for x <= 88 within 2 units in the last place (Cephes' polynomial); 0 below -87.
FACTSWEEP_INLINE float exponential(float x) {
  const float clamped = x < -87.0F ? -87.0F : x;                       // a nan stays
  const float shifted = clamped * 1.44269504088896341F + 12582912.0F;  // rounds to an integer
  const float n = shifted - 12582912.0F;
  float r = clamped - n * 0.693359375F;
  r = r - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto power = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  const float value = p * std::bit_cast<float>(power);
  return x < -87.0F ? 0.0F : value;
}

FACTSWEEP_INLINE float sum(const float* lanes) {
  float half[kLanes / 2], quarter[kLanes / 4];
  for (int i = 0; i < 8; ++i) half[i] = lanes[i] + lanes[i + 8];
  for (int i = 0; i < 4; ++i) quarter[i] = half[i] + half[i + 4];
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

FACTSWEEP_INLINE float dot(const float* a, const float* b, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  float total = sum(lanes);
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

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

FACTSWEEP_INLINE float largest(const float* x, std::int64_t n, float start) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = start;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane)
      lanes[lane] = lanes[lane] > x[i + lane] ? lanes[lane] : x[i + lane];
  }
  float best = start;
  for (const float lane : lanes) best = best > lane ? best : lane;
  for (; i < n; ++i) best = best > x[i] ? best : x[i];
  return best;
}

/// x = exp(x - offset); returns the sum.
FACTSWEEP_INLINE float exponentiate(float* x, std::int64_t n, float offset) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      x[i + lane] = exponential(x[i + lane] - offset);
      lanes[lane] += x[i + lane];
    }
  }
  float total = sum(lanes);
  for (; i < n; ++i) {
    x[i] = exponential(x[i] - offset);
    total += x[i];
  }
  return total;
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
