// Kernels of inference on CPUs, in float32 and bfloat16: each in one pass over memory, and
// attention that multiplies a prefix shared by all sequences as one matrix.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu_kernels.hpp"
#include "factsweep/model/torch.hpp"
#include "kernels.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

constexpr std::int64_t kGrain = 16;  // rows that are worth a thread

/// Longest sequence whose attention is computed here; a blocked kernel wins beyond.
constexpr std::int64_t kShort = 128;

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

/// Pointers to the keys and values that one sequence sees after the prefix, for one head.
struct Visible {
  std::vector<const float*> keys, values;
  std::vector<float> scratch;
};

/// Sequences [begin, end) that begin with the same prefix.
struct Run {
  std::int64_t begin, end, prefix, prefix_length;
};

std::vector<Run> runs(const PackedTokens& tokens, const Context& context) {
  std::vector<Run> found;
  for (std::int64_t b = 0; b < tokens.sequences; ++b) {
    const std::int64_t prefix =
        context.prefix_of.empty() ? 0 : context.prefix_of[static_cast<std::size_t>(b)];
    if (found.empty() || found.back().prefix != prefix) {
      const std::int64_t length =
          context.has_prefix() ? context.prefix->lengths[static_cast<std::size_t>(prefix)] : 0;
      found.push_back({b, b, prefix, length});
    }
    found.back().end = b + 1;
  }
  return found;
}

/// Keys or values of a past in float32, where they lie: rows and heads are `row_stride` and
/// `head_stride` apart, the tokens of a head follow each other.
struct Floats {
  Tensor holder;
  std::int64_t row_stride = 0, head_stride = 0;

  const float* head(std::int64_t row, std::int64_t g) const {
    return holder.data_ptr<float>() + row * row_stride + g * head_stride;
  }
};

/// Where keys and values after the prefix lie, in float32.
class Rows {
 public:
  Rows(const Tensor& qkv, const AttentionInput& input, std::size_t layer)
      : config_(input.config), own_(qkv), stride_(qkv.size(1)) {
    if (!input.context.has_past()) return;
    length_ = input.context.past->attended();
    valid_ = input.past_valid_BL.contiguous();
    const Tensor rows_B = input.context.past_rows_B;
    for (std::int64_t b = 0; b < input.tokens.sequences; ++b)
      rows_.push_back(rows_B.defined() ? rows_B.data_ptr<std::int64_t>()[b] : b);
    const LayerCache past = input.context.past->layer(layer);
    if (past.keys.scalar_type() == torch::kBFloat16) choose_used();
    keys_ = floats(past.keys);
    values_ = floats(past.values);
  }

  /// Head `g` of sequence `b`: its past, whose length is returned, then its own rows
  /// [first, first + own).
  std::int64_t collect(std::int64_t b, std::int64_t first, std::int64_t own, std::int64_t g,
                       Visible& visible) const {
    visible.keys.clear();
    visible.values.clear();
    const std::int64_t E = config_.head_size;
    if (length_ > 0) {
      const std::int64_t row = rows_[static_cast<std::size_t>(b)];
      const float *keys = keys_.head(row, g), *values = values_.head(row, g);
      const bool* valid = valid_.data_ptr<bool>() + b * length_;
      for (std::int64_t l = 0; l < length_; ++l) {
        if (!valid[l]) continue;
        visible.keys.push_back(keys + l * E);
        visible.values.push_back(values + l * E);
      }
    }
    const auto past = static_cast<std::int64_t>(visible.keys.size());
    const float* head = own_.data_ptr<float>() + (config_.heads + g) * E;
    for (std::int64_t n = first; n < first + own; ++n) {
      visible.keys.push_back(head + n * stride_);
      visible.values.push_back(head + n * stride_ + config_.kv_heads * E);
    }
    visible.scratch.resize(visible.keys.size());
    return past;
  }

 private:
  /// Only rows that a sequence continues are widened, each once: rows_ become places among these.
  void choose_used() {
    used_ = rows_;
    std::sort(used_.begin(), used_.end());
    used_.erase(std::unique(used_.begin(), used_.end()), used_.end());
    for (std::int64_t& row : rows_)
      row = std::lower_bound(used_.begin(), used_.end(), row) - used_.begin();
  }

  Floats floats(const Tensor& part) const {
    if (part.scalar_type() == torch::kFloat32) return {part, part.stride(0), part.stride(1)};
    const std::int64_t G = part.size(1), block = length_ * part.size(3);
    const auto used = static_cast<std::int64_t>(used_.size());
    Tensor wide = torch::empty({used, G, block}, torch::kFloat32);
    at::parallel_for(0, used * G, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t row = used_[static_cast<std::size_t>(i / G)];
        cpu::to_float(bf16(part) + row * part.stride(0) + i % G * part.stride(1),
                      wide.data_ptr<float>() + i * block, block);
      }
    });
    return {wide, G * block, block};
  }

  const ModelConfig& config_;
  Tensor own_;
  std::int64_t stride_;
  std::int64_t length_ = 0;  // of the past
  Tensor valid_;
  std::vector<std::int64_t> rows_, used_;
  Floats keys_, values_;
};

/// Queries [G, N R, E] of packed rows [N, (H + 2G) E], scaled: those of one key-value head
/// together.
Tensor gather_queries(const Tensor& wide, const ModelConfig& config) {
  const std::int64_t N = wide.size(0), G = config.kv_heads, E = config.head_size;
  const std::int64_t group = config.heads / G * E, stride = wide.size(1);
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(E)));
  Tensor queries = torch::empty({G, N * group / E, E}, torch::kFloat32);
  on_rows(wide, [&](std::int64_t first, std::int64_t rows) {
    for (std::int64_t n = first; n < first + rows; ++n) {
      for (std::int64_t g = 0; g < G; ++g) {
        const float* from = wide.data_ptr<float>() + n * stride + g * group;
        std::transform(from, from + group, queries.data_ptr<float>() + (g * N + n) * group,
                       [&](float q) { return q * scale; });
      }
    }
  });
  return queries;
}

/// mixed [G, rows R, E] to rows [first, ...) of out [N, H E].
void scatter(const Tensor& mixed, std::int64_t first, Tensor& out) {
  const std::int64_t G = mixed.size(0), width = out.size(1), group = width / G;
  const std::int64_t count = mixed.numel() / width;
  at::parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      for (std::int64_t g = 0; g < G; ++g) {
        const float* from = mixed.data_ptr<float>() + (g * count + n) * group;
        const std::int64_t at = (first + n) * width + g * group;
        if (out.scalar_type() == torch::kFloat32) {
          std::copy_n(from, group, out.data_ptr<float>() + at);
        } else {
          cpu::to_bf16(from, bf16(out) + at, group);
        }
      }
    }
  });
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

/// Adds `branch` to x in place and returns the norm of the sum.
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

/// Gate and up of [N, 2F], SwiGLU's product of both: [N, F].
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

/// Rotates queries and keys, the first `heads` heads of each row of qkv, in place. cos, sin:
/// float32 [N, E / 2].
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

/// Attention of the packed rows qkv [N, (H + 2G) E], already rotated, to the context and to their
/// own sequences, in float32. Returns [N, H E]. `layer` chooses the context's entries.
Tensor attention(const Tensor& qkv, const AttentionInput& input, std::size_t layer) {
  const ModelConfig& config = input.config;
  const PackedTokens& tokens = input.tokens;
  const Context& context = input.context;
  const std::int64_t N = qkv.size(0), H = config.heads, G = config.kv_heads, E = config.head_size;
  const std::int64_t R = H / G;  // query heads that share a key-value head
  const Tensor wide = widened(qkv);
  const Tensor queries = gather_queries(wide, config);
  Tensor out = torch::empty({N, H * E}, qkv.options());
  const Rows rows(wide, input, layer);
  for (const Run& run : runs(tokens, context)) {
    const std::int64_t n0 = tokens.starts[run.begin], count = tokens.starts[run.end] - n0;
    const Tensor own = queries.narrow(1, n0 * R, count * R);
    Tensor keys = torch::empty({G, 0, E}), values = keys;
    if (context.has_prefix()) {
      const LayerCache shared = context.prefix->cache.layer(layer);
      keys = widened(shared.keys[run.prefix].narrow(1, 0, run.prefix_length));
      values = widened(shared.values[run.prefix].narrow(1, 0, run.prefix_length));
    }
    Tensor weights = torch::bmm(own, keys.transpose(1, 2));  // scores, then probabilities
    Tensor mixed = torch::empty({G, count * R, E}, torch::kFloat32);
    at::parallel_for(run.begin, run.end, 1, [&](std::int64_t begin, std::int64_t end) {
      Visible visible;
      for (std::int64_t b = begin; b < end; ++b) {
        const std::int64_t first = tokens.starts[b], length = tokens.starts[b + 1] - first;
        for (std::int64_t g = 0; g < G; ++g) {
          const std::int64_t past = rows.collect(b, first, length, g, visible);
          for (std::int64_t t = 0; t < length; ++t) {
            const std::int64_t row = (g * count + first - n0 + t) * R;
            cpu::attend({queries.data_ptr<float>() + (g * N + first + t) * R * E,
                         weights.data_ptr<float>() + row * keys.size(1),
                         mixed.data_ptr<float>() + row * E, R, E, keys.size(1)},
                        visible.keys.data(), visible.values.data(), past + t + 1,
                        visible.scratch.data());
          }
        }
      }
    });
    if (keys.size(1) > 0) mixed.baddbmm_(weights, values);
    scatter(mixed, n0, out);
  }
  return out;
}

class CpuInference : public Kernels {
 public:
  using Kernels::Kernels;

  Tensor normalize(const Norm& norm, const Tensor& x) const override {
    if (c_.norm != NormKind::rms || x.dim() != 2) return Kernels::normalize(norm, x);
    return rms_norm(x, norm.gain, c_.norm_epsilon);
  }

  Tensor add_norm(Tensor& x, const Tensor& branch, const Norm& norm) const override {
    if (c_.norm != NormKind::rms) return Kernels::add_norm(x, branch, norm);
    return add_rms_norm(x, branch, norm.gain, c_.norm_epsilon);
  }

  Tensor activate(const Tensor& up, const LayerWeights& layer) const override {
    return c_.gated && c_.activation == Activation::silu ? silu_times(up)
                                                         : Kernels::activate(up, layer);
  }

  Tensor attend(AttentionInput& input, std::int64_t i, const LayerWeights& layer,
                Tensor qkv) const override {
    if (!attends_plainly(input, i) || input.tokens.longest > kShort)
      return Kernels::attend(input, i, layer, qkv);
    if (const Rotation* turn = input.rotation_of(i))
      rotate(qkv, c_.heads + c_.kv_heads, c_.head_size, turn->cos, turn->sin);
    if (input.kept != nullptr) {
      const std::vector<Tensor> parts = split_heads(c_, qkv);
      input.keep(i, unpack(parts[1], input.tokens), unpack(parts[2], input.tokens));
    }
    return attention(qkv, input, static_cast<std::size_t>(i));
  }
};

}  // namespace

std::unique_ptr<const Kernels> cpu_inference(const Weights& weights) {
  const torch::Dtype dtype = weights.embedding.scalar_type();
  const bool applies = weights.embedding.is_cpu() && !torch::GradMode::is_enabled() &&
                       (dtype == torch::kFloat32 || dtype == torch::kBFloat16);
  if (!applies) return nullptr;
  return std::make_unique<CpuInference>(weights.config);
}

}  // namespace factsweep
