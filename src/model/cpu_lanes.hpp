// What the inner loops of CPU rows are made of. Included by files that are compiled for several
// instruction sets; nothing here is a function of its own.
#pragma once

#include <bit>
#include <cstdint>

#include "cpu_kernels.hpp"

// ifunc resolvers run before a sanitizer is ready. g++ 11 and Clang choose between processors, not
// between levels: these are the first ones of the two levels.
#if !defined(__x86_64__) || !defined(__GNUC__) || defined(__SANITIZE_ADDRESS__)
#define FACTSWEEP_CLONES
#elif defined(__clang__) || __GNUC__ < 12
#define FACTSWEEP_CLONES \
  __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define FACTSWEEP_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#define FACTSWEEP_INLINE [[gnu::always_inline]] inline

namespace factsweep::cpu {

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

}  // namespace factsweep::cpu
