#include "cpu_gradients.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu_lanes.hpp"

namespace factsweep::cpu {
namespace {

template <typename T>
FACTSWEEP_INLINE float widened_dot(const T* a, const T* b, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += load(a[i + lane]) * load(b[i + lane]);
  }
  float total = sum(lanes);
  for (; i < n; ++i) total += load(a[i]) * load(b[i]);
  return total;
}

/// sum a b c
template <typename T>
FACTSWEEP_INLINE float widened_dot(const T* a, const T* b, const T* c, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane)
      lanes[lane] += load(a[i + lane]) * load(b[i + lane]) * load(c[i + lane]);
  }
  float total = sum(lanes);
  for (; i < n; ++i) total += load(a[i]) * load(b[i]) * load(c[i]);
  return total;
}

// y = x s g, s = (mean(x^2) + epsilon)^(-1/2):  gx = s (g gy - x s^2 mean(x g gy))
template <typename T>
FACTSWEEP_INLINE void rms_norm_gradient_rows(const T* x, const T* gain, const T* gy, const T* added,
                                             T* gx, std::int64_t rows, std::int64_t width,
                                             float epsilon) {
  const auto count = static_cast<float>(width);
  for (std::int64_t row = 0; row < rows; ++row, x += width, gy += width, gx += width) {
    const float s = 1.0F / std::sqrt(widened_dot(x, x, width) / count + epsilon);
    const float pull = s * s * s * widened_dot(x, gain, gy, width) / count;
    if (added == nullptr) {
      for (std::int64_t j = 0; j < width; ++j)
        store(s * load(gain[j]) * load(gy[j]) - pull * load(x[j]), gx[j]);
    } else {
      for (std::int64_t j = 0; j < width; ++j)
        store(s * load(gain[j]) * load(gy[j]) - pull * load(x[j]) + load(added[j]), gx[j]);
      added += width;
    }
  }
}

// y = a sigma(a) u:  ga = gy u sigma (1 + a (1 - sigma)),  gu = gy a sigma
template <typename T>
FACTSWEEP_INLINE void silu_times_gradient_row(const T* __restrict gate, const T* __restrict up,
                                              const T* __restrict gy, T* __restrict g_gate,
                                              T* __restrict g_up, std::int64_t count) {
  for (std::int64_t j = 0; j < count; ++j) {
    const float a = load(gate[j]), u = load(up[j]), g = load(gy[j]);
    const float bounded = a < -80.0F ? -80.0F : a;  // exp(80) is still finite
    const float sigma = 1.0F / (1.0F + exponential(-bounded));
    store(g * u * sigma * (1.0F + a * (1.0F - sigma)), g_gate[j]);
    store(g * a * sigma, g_up[j]);
  }
}

template <typename T>
FACTSWEEP_INLINE void silu_times_gradient_rows(const T* gate_up, const T* gy, T* gx,
                                               std::int64_t rows, std::int64_t width) {
  const std::int64_t half = width / 2;
  for (std::int64_t row = 0; row < rows; ++row, gate_up += width, gx += width, gy += half)
    silu_times_gradient_row(gate_up, gate_up + half, gy, gx, gx + half, half);
}

template <typename T>
FACTSWEEP_INLINE void gather_rows(const T* __restrict x, const HeadRows& head, float scale,
                                  float* __restrict y) {
  const std::int64_t half = head.half;
  for (std::int64_t row = 0; row < head.rows; ++row, x += head.stride, y += head.wide_stride) {
    const float* cos = head.cos + row * half;
    const float* sin = head.sin + row * half;
    for (std::int64_t e = 0; e < half; ++e) {
      const float a = load(x[e]), b = load(x[e + half]);
      y[e] = (a * cos[e] - b * sin[e]) * scale;
      y[e + half] = (b * cos[e] + a * sin[e]) * scale;
    }
    for (std::int64_t e = 2 * half; e < head.head_size; ++e) y[e] = load(x[e]) * scale;
  }
}

template <typename T>
FACTSWEEP_INLINE void scatter_rows(const float* __restrict gy, const HeadRows& head, float scale,
                                   T* __restrict x) {
  const std::int64_t half = head.half;
  for (std::int64_t row = 0; row < head.rows; ++row, x += head.stride, gy += head.wide_stride) {
    const float* cos = head.cos + row * half;
    const float* sin = head.sin + row * half;
    for (std::int64_t e = 0; e < half; ++e) {
      const float a = gy[e] * scale, b = gy[e + half] * scale;
      store(a * cos[e] + b * sin[e], x[e]);
      store(b * cos[e] - a * sin[e], x[e + half]);
    }
    for (std::int64_t e = 2 * half; e < head.head_size; ++e) store(gy[e] * scale, x[e]);
  }
}

/// Each row is widened once into `scratch`, where softmax happens.
template <typename T>
FACTSWEEP_INLINE void cross_entropy_rows(T* scores, const std::int64_t* targets, float* losses,
                                         std::int64_t rows, std::int64_t width, float* scratch) {
  for (std::int64_t row = 0; row < rows; ++row, scores += width) {
    for (std::int64_t j = 0; j < width; ++j) scratch[j] = load(scores[j]);
    const float target = scratch[targets[row]];
    const float top = largest(scratch, width, -std::numeric_limits<float>::infinity());
    const float total = exponentiate(scratch, width, top);
    losses[row] = top + std::log(total) - target;
    const float scale = 1.0F / total;
    for (std::int64_t j = 0; j < width; ++j) store(scratch[j] * scale, scores[j]);
    store(scratch[targets[row]] * scale - 1.0F, scores[targets[row]]);
  }
}

}  // namespace

FACTSWEEP_CLONES void rms_norm_gradient(const float* x, const float* gain, const float* gy,
                                        const float* added, float* gx, std::int64_t rows,
                                        std::int64_t width, float epsilon) {
  rms_norm_gradient_rows(x, gain, gy, added, gx, rows, width, epsilon);
}
FACTSWEEP_CLONES void rms_norm_gradient(const Bf16* x, const Bf16* gain, const Bf16* gy,
                                        const Bf16* added, Bf16* gx, std::int64_t rows,
                                        std::int64_t width, float epsilon) {
  rms_norm_gradient_rows(x, gain, gy, added, gx, rows, width, epsilon);
}

FACTSWEEP_CLONES void silu_times_gradient(const float* gate_up, const float* gy, float* gx,
                                          std::int64_t rows, std::int64_t width) {
  silu_times_gradient_rows(gate_up, gy, gx, rows, width);
}
FACTSWEEP_CLONES void silu_times_gradient(const Bf16* gate_up, const Bf16* gy, Bf16* gx,
                                          std::int64_t rows, std::int64_t width) {
  silu_times_gradient_rows(gate_up, gy, gx, rows, width);
}

FACTSWEEP_CLONES void gather_head(const float* x, const HeadRows& head, float scale, float* y) {
  gather_rows(x, head, scale, y);
}
FACTSWEEP_CLONES void gather_head(const Bf16* x, const HeadRows& head, float scale, float* y) {
  gather_rows(x, head, scale, y);
}

FACTSWEEP_CLONES void scatter_head(const float* gy, const HeadRows& head, float scale, float* x) {
  scatter_rows(gy, head, scale, x);
}
FACTSWEEP_CLONES void scatter_head(const float* gy, const HeadRows& head, float scale, Bf16* x) {
  scatter_rows(gy, head, scale, x);
}

FACTSWEEP_CLONES void causal_softmax(float* scores, std::int64_t first, std::int64_t last,
                                     std::int64_t group) {
  for (std::int64_t row = first * group; row < last * group; ++row, scores += last) {
    const std::int64_t seen = row / group + 1;
    const float top = largest(scores, seen, -std::numeric_limits<float>::infinity());
    const float scale = 1.0F / exponentiate(scores, seen, top);
    for (std::int64_t j = 0; j < seen; ++j) scores[j] *= scale;
    std::fill(scores + seen, scores + last, 0.0F);
  }
}

FACTSWEEP_CLONES void causal_softmax_gradient(const float* p, float* g, std::int64_t first,
                                              std::int64_t last, std::int64_t group) {
  for (std::int64_t row = first * group; row < last * group; ++row, p += last, g += last) {
    const std::int64_t seen = row / group + 1;
    const float mean = dot(p, g, seen);
    for (std::int64_t j = 0; j < seen; ++j) g[j] = p[j] * (g[j] - mean);
    std::fill(g + seen, g + last, 0.0F);
  }
}

FACTSWEEP_CLONES void cross_entropy(float* scores, const std::int64_t* targets, float* losses,
                                    std::int64_t rows, std::int64_t width, float* scratch) {
  cross_entropy_rows(scores, targets, losses, rows, width, scratch);
}
FACTSWEEP_CLONES void cross_entropy(Bf16* scores, const std::int64_t* targets, float* losses,
                                    std::int64_t rows, std::int64_t width, float* scratch) {
  cross_entropy_rows(scores, targets, losses, rows, width, scratch);
}

}  // namespace factsweep::cpu
