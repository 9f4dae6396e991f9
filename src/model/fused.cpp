#include "fused.hpp"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu_kernels.hpp"

namespace factsweep::fused {
namespace {

using torch::Tensor;

constexpr std::int64_t kGrain = 16;  // rows that are worth a thread

cpu::Bf16* bf16(const Tensor& x) {
  return reinterpret_cast<cpu::Bf16*>(x.data_ptr<at::BFloat16>());
}

/// Calls work(first row, rows) with the tensor's own type of pointer.
template <typename Work>
void on_rows(const Tensor& x, Work work) {
  at::parallel_for(0, x.size(0), kGrain,
                   [&](std::int64_t begin, std::int64_t end) { work(begin, end - begin); });
}

Tensor widened(const Tensor& x) {
  if (x.scalar_type() == torch::kFloat32) return x.contiguous();
  const Tensor narrow = x.contiguous();
  Tensor wide = torch::empty(x.sizes(), torch::kFloat32);
  constexpr std::int64_t kElements = 1 << 15;
  at::parallel_for(0, x.numel(), kElements, [&](std::int64_t begin, std::int64_t end) {
    cpu::to_float(bf16(narrow) + begin, wide.data_ptr<float>() + begin, end - begin);
  });
  return wide;
}

/// Where the keys and values lie that one sequence sees behind the prefix.
class Rows {
 public:
  Rows(const Tensor& qkv, const ModelConfig& config, const Context& context, std::size_t layer)
      : config_(config), own_(qkv), stride_(qkv.size(1)) {
    if (context.past == nullptr || context.past->empty()) return;
    keys_ = widened((*context.past)[layer].keys);
    values_ = widened((*context.past)[layer].values);
    valid_ = context.past_valid_BL.defined() ? context.past_valid_BL.contiguous() : Tensor();
    rows_ = context.past_rows_B.defined() ? context.past_rows_B.contiguous() : Tensor();
  }

  /// Keys and values of head `g` for sequence `b`: its past, then its own rows [first, first +
  /// own).
  void collect(std::int64_t b, std::int64_t first, std::int64_t own, std::int64_t g,
               std::vector<const float*>& keys, std::vector<const float*>& values) const {
    keys.clear();
    values.clear();
    const std::int64_t E = config_.head_size;
    if (keys_.defined()) {
      const std::int64_t L = keys_.size(2);
      const std::int64_t row = rows_.defined() ? rows_.data_ptr<std::int64_t>()[b] : b;
      const std::int64_t start = (row * config_.kv_heads + g) * L;
      for (std::int64_t l = 0; l < L; ++l) {
        if (valid_.defined() && !valid_.data_ptr<bool>()[b * L + l]) continue;
        keys.push_back(keys_.data_ptr<float>() + (start + l) * E);
        values.push_back(values_.data_ptr<float>() + (start + l) * E);
      }
    }
    const float* head = own_.data_ptr<float>() + (config_.heads + g) * E;
    for (std::int64_t n = first; n < first + own; ++n) {
      keys.push_back(head + n * stride_);
      values.push_back(head + n * stride_ + config_.kv_heads * E);
    }
  }

 private:
  const ModelConfig& config_;
  Tensor own_;
  std::int64_t stride_;
  Tensor keys_, values_, valid_, rows_;
};

}  // namespace

bool applies(const Tensor& x) {
  return x.is_cpu() && !torch::GradMode::is_enabled() &&
         (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

Tensor rms_norm(const Tensor& x_ND, const Tensor& gain, double epsilon) {
  const Tensor x = x_ND.contiguous();
  Tensor y = torch::empty_like(x);
  const std::int64_t D = x.size(1);
  const auto small = static_cast<float>(epsilon);
  on_rows(x, [&](std::int64_t first, std::int64_t rows) {
    if (x.scalar_type() == torch::kFloat32) {
      cpu::rms_norm(x.data_ptr<float>() + first * D, gain.data_ptr<float>(),
                    y.data_ptr<float>() + first * D, rows, D, small);
    } else {
      cpu::rms_norm(bf16(x) + first * D, bf16(gain), bf16(y) + first * D, rows, D, small);
    }
  });
  return y;
}

Tensor add_rms_norm(Tensor& x, const Tensor& branch, const Tensor& gain, double epsilon) {
  Tensor y = torch::empty_like(x);
  const std::int64_t D = x.size(1);
  const auto small = static_cast<float>(epsilon);
  on_rows(x, [&](std::int64_t first, std::int64_t rows) {
    const std::int64_t at = first * D;
    if (x.scalar_type() == torch::kFloat32) {
      cpu::add_rms_norm(x.data_ptr<float>() + at, branch.data_ptr<float>() + at,
                        gain.data_ptr<float>(), y.data_ptr<float>() + at, rows, D, small);
    } else {
      cpu::add_rms_norm(bf16(x) + at, bf16(branch) + at, bf16(gain), bf16(y) + at, rows, D, small);
    }
  });
  return y;
}

Tensor silu_times(const Tensor& gate_up) {
  const std::int64_t width = gate_up.size(1);
  Tensor y = torch::empty({gate_up.size(0), width / 2}, gate_up.options());
  on_rows(gate_up, [&](std::int64_t first, std::int64_t rows) {
    if (y.scalar_type() == torch::kFloat32) {
      cpu::silu_times(gate_up.data_ptr<float>() + first * width,
                      y.data_ptr<float>() + first * width / 2, rows, width);
    } else {
      cpu::silu_times(bf16(gate_up) + first * width, bf16(y) + first * width / 2, rows, width);
    }
  });
  return y;
}

void rotate(Tensor& qkv, std::int64_t heads, std::int64_t head_size, const Tensor& cos,
            const Tensor& sin) {
  const std::int64_t stride = qkv.size(1), half = cos.size(1);
  on_rows(qkv, [&](std::int64_t first, std::int64_t rows) {
    const float* c = cos.data_ptr<float>() + first * half;
    const float* s = sin.data_ptr<float>() + first * half;
    if (qkv.scalar_type() == torch::kFloat32) {
      cpu::rotate(qkv.data_ptr<float>() + first * stride, rows, stride, heads, head_size, c, s,
                  2 * half);
    } else {
      cpu::rotate(bf16(qkv) + first * stride, rows, stride, heads, head_size, c, s, 2 * half);
    }
  });
}

Tensor attention(const Tensor& qkv, const ModelConfig& config, const PackedTokens& tokens,
                 const Context& context, std::size_t layer) {
  const std::int64_t N = qkv.size(0), H = config.heads, G = config.kv_heads, E = config.head_size;
  const std::int64_t R = H / G;  // query heads that share a key-value head
  const Tensor wide = widened(qkv);
  const std::int64_t stride = wide.size(1);
  // [G, N R, E]: all queries of one key-value head as one matrix
  Tensor queries = torch::empty({G, N * R, E}, torch::kFloat32);
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(E)));
  on_rows(wide, [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t n = first; n < first + rows; ++n) {
      for (std::int64_t g = 0; g < G; ++g) {
        const float* from = wide.data_ptr<float>() + n * stride + g * R * E;
        std::transform(from, from + R * E, queries.data_ptr<float>() + (g * N + n) * R * E,
                       [&](float q) { return q * scale; });
      }
    }
  });
  const bool has_prefix = context.prefix != nullptr && !context.prefix->empty();
  const Tensor values =
      has_prefix ? widened((*context.prefix)[layer].values.squeeze(0)) : torch::empty({G, 0, E});
  const Tensor scores =
      has_prefix
          ? torch::bmm(queries, widened((*context.prefix)[layer].keys.squeeze(0)).transpose(1, 2))
          : torch::empty({G, N * R, 0});
  const std::int64_t P = values.size(1);
  Tensor mixed = torch::empty_like(queries);
  const Rows rows(wide, config, context, layer);
  at::parallel_for(0, tokens.sequences, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<const float*> keys, own_values;
    std::vector<float> scratch;
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t first = tokens.starts[b], length = tokens.starts[b + 1] - first;
      for (std::int64_t g = 0; g < G; ++g) {
        rows.collect(b, first, length, g, keys, own_values);
        const auto past = static_cast<std::int64_t>(keys.size()) - length;
        scratch.resize(keys.size());
        for (std::int64_t t = 0; t < length; ++t) {
          const std::int64_t row = (g * N + first + t) * R;
          cpu::attend({queries.data_ptr<float>() + row * E, scores.data_ptr<float>() + row * P,
                       mixed.data_ptr<float>() + row * E, R, E, P},
                      keys.data(), own_values.data(), past + t + 1, scratch.data());
        }
      }
    }
  });
  if (P > 0) mixed.baddbmm_(scores, values);
  Tensor out = torch::empty({N, H * E}, qkv.options());
  on_rows(out, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t n = first; n < first + count; ++n) {
      for (std::int64_t g = 0; g < G; ++g) {
        const float* from = mixed.data_ptr<float>() + (g * N + n) * R * E;
        const std::int64_t at = n * H * E + g * R * E;
        if (out.scalar_type() == torch::kFloat32) {
          std::copy_n(from, R * E, out.data_ptr<float>() + at);
        } else {
          cpu::to_bf16(from, bf16(out) + at, R * E);
        }
      }
    }
  });
  return out;
}

}  // namespace factsweep::fused
