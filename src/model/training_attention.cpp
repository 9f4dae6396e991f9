// Causal attention of packed sequences with its gradient (training_attention.hpp). The rows of one
// sequence are widened to float32 and multiplied as matrices, all query heads of a key-value head
// in one; in blocks of queries, as a block sees no keys after its own end.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu_gradients.hpp"
#include "factsweep/model/torch.hpp"
#include "training_attention.hpp"

namespace factsweep {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kBlockOfQueries = 64;  // queries of one product

/// Sizes as in the legend of transformer.hpp; `half` of the angles, 0 without a rotation.
struct Shape {
  std::int64_t heads, kv_heads, head_size, half;

  std::int64_t group() const { return heads / kv_heads; }
  std::int64_t width() const { return (heads + 2 * kv_heads) * head_size; }
};

/// Queries [G, n R, E], those of a token next to each other, keys and values [G, n, E].
struct Heads {
  Tensor q, k, v;

  Heads(const Shape& s, std::int64_t n)
      : q(torch::empty({s.kv_heads, n * s.group(), s.head_size}, torch::kFloat32)),
        k(torch::empty({s.kv_heads, n, s.head_size}, torch::kFloat32)),
        v(torch::empty_like(k)) {}

  /// Calls visit(column of the packed row, the head's float32 rows, their stride, turned, scale).
  template <typename Visit>
  void each(const Shape& s, Visit visit) const {
    const std::int64_t E = s.head_size, R = s.group(), n = k.size(1);
    const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(E)));
    for (std::int64_t h = 0; h < s.heads; ++h)
      visit(h * E, q.data_ptr<float>() + (h / R * n * R + h % R) * E, R * E, true, scale);
    for (std::int64_t g = 0; g < s.kv_heads; ++g) {
      visit((s.heads + g) * E, k.data_ptr<float>() + g * n * E, E, true, 1.0F);
      visit((s.heads + s.kv_heads + g) * E, v.data_ptr<float>() + g * n * E, E, false, 1.0F);
    }
  }
};

const cpu::Bf16* bf16(const Tensor& x) {
  return reinterpret_cast<const cpu::Bf16*>(x.data_ptr<at::BFloat16>());
}
cpu::Bf16* writable_bf16(const Tensor& x) {
  return reinterpret_cast<cpu::Bf16*>(x.data_ptr<at::BFloat16>());
}

/// One sequence: rows [first, first + n) of packed rows.
struct Sequence {
  const Shape& shape;
  std::int64_t first, n;
  const float *cos, *sin;  // of its first row; null without a rotation

  cpu::HeadRows rows(std::int64_t stride, std::int64_t wide_stride, bool turned) const {
    return {n, stride, wide_stride, shape.head_size, turned ? shape.half : 0, cos, sin};
  }

  Heads gather(const Tensor& qkv) const {
    const std::int64_t stride = shape.width();
    Heads heads(shape, n);
    heads.each(shape, [&](std::int64_t column, float* wide, std::int64_t wide_stride, bool turned,
                          float scale) {
      const std::int64_t at = first * stride + column;
      const cpu::HeadRows head = rows(stride, wide_stride, turned);
      if (qkv.scalar_type() == torch::kFloat32) {
        cpu::gather_head(qkv.data_ptr<float>() + at, head, scale, wide);
      } else {
        cpu::gather_head(bf16(qkv) + at, head, scale, wide);
      }
    });
    return heads;
  }

  void scatter(const Heads& heads, const Tensor& qkv) const {
    const std::int64_t stride = shape.width();
    heads.each(shape, [&](std::int64_t column, float* wide, std::int64_t wide_stride, bool turned,
                          float scale) {
      const std::int64_t at = first * stride + column;
      const cpu::HeadRows head = rows(stride, wide_stride, turned);
      if (qkv.scalar_type() == torch::kFloat32) {
        cpu::scatter_head(wide, head, scale, qkv.data_ptr<float>() + at);
      } else {
        cpu::scatter_head(wide, head, scale, writable_bf16(qkv) + at);
      }
    });
  }

  /// Rows of out [N, H E] and [G, n R, E]: the same numbers in another order.
  void scatter_output(const Tensor& mixed, const Tensor& out) const {
    const std::int64_t E = shape.head_size, R = shape.group(), stride = shape.heads * E;
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      const float* wide = mixed.data_ptr<float>() + (h / R * n * R + h % R) * E;
      const std::int64_t at = first * stride + h * E;
      const cpu::HeadRows head = rows(stride, R * E, false);
      if (out.scalar_type() == torch::kFloat32) {
        cpu::scatter_head(wide, head, 1, out.data_ptr<float>() + at);
      } else {
        cpu::scatter_head(wide, head, 1, writable_bf16(out) + at);
      }
    }
  }
  Tensor gather_output(const Tensor& out) const {
    const std::int64_t E = shape.head_size, R = shape.group(), stride = shape.heads * E;
    const Tensor mixed = torch::empty({shape.kv_heads, n * R, E}, torch::kFloat32);
    for (std::int64_t h = 0; h < shape.heads; ++h) {
      float* wide = mixed.data_ptr<float>() + (h / R * n * R + h % R) * E;
      const std::int64_t at = first * stride + h * E;
      const cpu::HeadRows head = rows(stride, R * E, false);
      if (out.scalar_type() == torch::kFloat32) {
        cpu::gather_head(out.data_ptr<float>() + at, head, 1, wide);
      } else {
        cpu::gather_head(bf16(out) + at, head, 1, wide);
      }
    }
    return mixed;
  }
};

/// Queries [first, last) and the keys [0, last) that they see.
struct Block {
  std::int64_t first, last, group;

  Tensor queries(const Tensor& rows) const {
    return rows.narrow(1, first * group, (last - first) * group);
  }
  Tensor keys(const Tensor& rows) const { return rows.narrow(1, 0, last); }

  /// Probabilities [G, rows, last].
  Tensor attend(const Heads& heads) const {
    Tensor p = torch::bmm(queries(heads.q), keys(heads.k).transpose(1, 2));
    for (std::int64_t g = 0; g < p.size(0); ++g)
      cpu::causal_softmax(p.data_ptr<float>() + g * p.stride(0), first, last, group);
    return p;
  }
};

template <typename Work>
void each_block(const Shape& shape, std::int64_t n, Work work) {
  for (std::int64_t first = 0; first < n; first += kBlockOfQueries)
    work(Block{first, std::min(first + kBlockOfQueries, n), shape.group()});
}

Tensor attend(const Shape& shape, const Heads& heads) {
  Tensor mixed = torch::empty_like(heads.q);
  each_block(shape, heads.k.size(1), [&](const Block& block) {
    block.queries(mixed).copy_(torch::bmm(block.attend(heads), block.keys(heads.v)));
  });
  return mixed;
}

Heads gradients(const Shape& shape, const Heads& heads, const Tensor& g_mixed) {
  const std::int64_t n = heads.k.size(1);
  Heads g(shape, n);
  g.k.zero_();
  g.v.zero_();
  each_block(shape, n, [&](const Block& block) {
    const Tensor p = block.attend(heads), g_out = block.queries(g_mixed);
    block.keys(g.v).baddbmm_(p.transpose(1, 2), g_out);
    const Tensor g_scores = torch::bmm(g_out, block.keys(heads.v).transpose(1, 2));
    for (std::int64_t i = 0; i < p.size(0); ++i) {
      cpu::causal_softmax_gradient(p.data_ptr<float>() + i * p.stride(0),
                                   g_scores.data_ptr<float>() + i * g_scores.stride(0), block.first,
                                   block.last, block.group);
    }
    block.queries(g.q).copy_(torch::bmm(g_scores, block.keys(heads.k)));
    block.keys(g.k).baddbmm_(g_scores.transpose(1, 2), block.queries(heads.q));
  });
  return g;
}

class Attention : public Function<Attention> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& given, const Tensor& cos,
                        const Tensor& sin, const std::vector<std::int64_t>* starts,
                        const Shape* shape) {
    const Tensor qkv = given.contiguous();
    context->save_for_backward({qkv, cos, sin});
    context->saved_data["starts"] = *starts;
    context->saved_data["shape"] =
        std::vector<std::int64_t>{shape->heads, shape->kv_heads, shape->head_size, shape->half};
    Tensor out = torch::empty({qkv.size(0), shape->heads * shape->head_size}, qkv.options());
    each_sequence(*starts, *shape, cos, sin, [&](const Sequence& sequence) {
      sequence.scatter_output(attend(*shape, sequence.gather(qkv)), out);
    });
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    const variable_list saved = context->get_saved_variables();
    const auto sizes = context->saved_data["shape"].toIntVector();
    const Shape shape = {sizes[0], sizes[1], sizes[2], sizes[3]};
    const Tensor g_out = given[0].contiguous();
    Tensor g_qkv = torch::empty_like(saved[0]);
    each_sequence(context->saved_data["starts"].toIntVector(), shape, saved[1], saved[2],
                  [&](const Sequence& sequence) {
                    sequence.scatter(
                        gradients(shape, sequence.gather(saved[0]), sequence.gather_output(g_out)),
                        g_qkv);
                  });
    return {g_qkv, Tensor(), Tensor(), Tensor(), Tensor()};
  }

 private:
  template <typename Work>
  static void each_sequence(const std::vector<std::int64_t>& starts, const Shape& shape,
                            const Tensor& cos, const Tensor& sin, Work work) {
    const auto sequences = static_cast<std::int64_t>(starts.size()) - 1;
    const float* c = shape.half > 0 ? cos.data_ptr<float>() : nullptr;
    const float* s = shape.half > 0 ? sin.data_ptr<float>() : nullptr;
    at::parallel_for(0, sequences, 1, [&](std::int64_t begin, std::int64_t end) {
      torch::NoGradGuard no_grad;  // a thread's own flag
      for (std::int64_t b = begin; b < end; ++b) {
        const std::int64_t first = starts[static_cast<std::size_t>(b)];
        const std::int64_t n = starts[static_cast<std::size_t>(b) + 1] - first;
        work(Sequence{shape, first, n, c + first * shape.half, s + first * shape.half});
      }
    });
  }
};

}  // namespace

Tensor training_attention(const Tensor& qkv, const ModelConfig& config, const PackedTokens& tokens,
                          const Rotation* turn) {
  const Shape shape = {config.heads, config.kv_heads, config.head_size,
                       turn != nullptr ? turn->cos.size(1) : 0};
  const Tensor none = torch::empty({0}, torch::kFloat32);
  return Attention::apply(qkv, turn != nullptr ? turn->cos : none,
                          turn != nullptr ? turn->sin : none, &tokens.starts, &shape);
}

}  // namespace factsweep
