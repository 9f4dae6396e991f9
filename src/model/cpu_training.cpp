// Kernels of training on CPUs, in float32 and bfloat16, with gradients written by hand: each in one
// pass over memory, keeping no more than its input. What one row or one sequence gives depends on
// no other, so trainings that share a pass get what they would get alone.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu_gradients.hpp"
#include "factsweep/model/torch.hpp"
#include "kernels.hpp"
#include "training_attention.hpp"

namespace factsweep {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

constexpr std::int64_t kGrain = 16;      // rows that are worth a thread
constexpr std::int64_t kScoreRows = 64;  // of the vocabulary at a time: what stays in the cache

/// Calls work(pointer of the tensor's own type, ...) for each tensor alike.
template <typename Work>
void typed(const Tensor& x, Work work) {
  if (x.scalar_type() == torch::kFloat32) {
    work([](const Tensor& t) { return t.data_ptr<float>(); });
  } else {
    work([](const Tensor& t) { return reinterpret_cast<cpu::Bf16*>(t.data_ptr<at::BFloat16>()); });
  }
}

template <typename Work>
void on_rows(std::int64_t rows, Work work) {
  at::parallel_for(0, rows, kGrain,
                   [&](std::int64_t begin, std::int64_t end) { work(begin, end - begin); });
}

Tensor norm_rows(const Tensor& x, const Tensor& gain, double epsilon) {
  Tensor y = torch::empty_like(x);
  const std::int64_t D = x.size(1);
  typed(x, [&](auto data) {
    on_rows(x.size(0), [&](std::int64_t first, std::int64_t rows) {
      cpu::rms_norm(data(x) + first * D, data(gain), data(y) + first * D, rows, D,
                    static_cast<float>(epsilon));
    });
  });
  return y;
}

/// Gradients of norm_rows: of x, with `added` joined unless undefined, and of the gain if wanted.
std::pair<Tensor, Tensor> norm_gradients(const Tensor& x, const Tensor& gain, const Tensor& given,
                                         const Tensor& added, double epsilon, bool of_gain) {
  const Tensor gy = given.contiguous();
  const Tensor more = added.defined() ? added.contiguous() : added;
  Tensor gx = torch::empty_like(x);
  const std::int64_t D = x.size(1);
  typed(x, [&](auto data) {
    on_rows(x.size(0), [&](std::int64_t first, std::int64_t rows) {
      const std::int64_t at = first * D;
      cpu::rms_norm_gradient(data(x) + at, data(gain), data(gy) + at,
                             more.defined() ? data(more) + at : nullptr, data(gx) + at, rows, D,
                             static_cast<float>(epsilon));
    });
  });
  if (!of_gain) return {gx, Tensor()};
  const Tensor normed = norm_rows(x, torch::ones_like(gain), epsilon);
  return {gx, (normed * gy).sum(0, /*keepdim=*/false, torch::kFloat32).to(gain.scalar_type())};
}

/// Differentiable in x [N, D] and gain.
class RmsNorm : public Function<RmsNorm> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& given, const Tensor& gain,
                        double epsilon) {
    const Tensor x = given.contiguous();
    context->save_for_backward({x, gain});
    context->saved_data["epsilon"] = epsilon;
    return norm_rows(x, gain, epsilon);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto [gx, g_gain] =
        norm_gradients(saved[0], saved[1], gradients[0], Tensor(),
                       context->saved_data["epsilon"].toDouble(), context->needs_input_grad(1));
    return {gx, g_gain, Tensor()};
  }
};

/// x + branch, and the norm of the sum.
class AddRmsNorm : public Function<AddRmsNorm> {
 public:
  static variable_list forward(AutogradContext* context, const Tensor& x, const Tensor& branch,
                               const Tensor& gain, double epsilon) {
    const Tensor sum = (x + branch).contiguous();
    context->save_for_backward({sum, gain});
    context->saved_data["epsilon"] = epsilon;
    context->set_materialize_grads(false);
    return {sum, norm_rows(sum, gain, epsilon)};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    if (!gradients[1].defined()) return {gradients[0], gradients[0], Tensor(), Tensor()};
    const auto [gx, g_gain] =
        norm_gradients(saved[0], saved[1], gradients[1], gradients[0],
                       context->saved_data["epsilon"].toDouble(), context->needs_input_grad(2));
    return {gx, gx, g_gain, Tensor()};
  }
};

/// Gate and up of [N, 2F], SwiGLU's product of both: [N, F].
class SiluTimes : public Function<SiluTimes> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& given) {
    const Tensor x = given.contiguous();
    context->save_for_backward({x});
    const std::int64_t width = x.size(1);
    Tensor y = torch::empty({x.size(0), width / 2}, x.options());
    typed(x, [&](auto data) {
      on_rows(x.size(0), [&](std::int64_t first, std::int64_t rows) {
        cpu::silu_times(data(x) + first * width, data(y) + first * width / 2, rows, width);
      });
    });
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor x = context->get_saved_variables()[0], gy = gradients[0].contiguous();
    const std::int64_t width = x.size(1);
    Tensor gx = torch::empty_like(x);
    typed(x, [&](auto data) {
      on_rows(x.size(0), [&](std::int64_t first, std::int64_t rows) {
        cpu::silu_times_gradient(data(x) + first * width, data(gy) + first * width / 2,
                                 data(gx) + first * width, rows, width);
      });
    });
    return {gx};
  }
};

/// Cross-entropy of hidden [R, D] times head^T with targets [R]: [R] float32. The head is frozen.
/// The gradient is taken at once from the scores while they are there, so they are never kept.
class FrozenCrossEntropy : public Function<FrozenCrossEntropy> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& hidden, const Tensor& head,
                        const Tensor& targets) {
    const std::int64_t R = hidden.size(0), V = head.size(0);
    Tensor losses = torch::empty({R}, torch::kFloat32), gradient = torch::empty_like(hidden);
    for (std::int64_t begin = 0; begin < R; begin += kScoreRows) {
      const std::int64_t count = std::min(kScoreRows, R - begin);
      const Tensor scores = at::linear(hidden.narrow(0, begin, count), head);
      typed(scores, [&](auto data) {
        at::parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
          std::vector<float> scratch(static_cast<std::size_t>(V));
          cpu::cross_entropy(
              data(scores) + first * V, targets.data_ptr<std::int64_t>() + begin + first,
              losses.data_ptr<float>() + begin + first, last - first, V, scratch.data());
        });
      });
      gradient.narrow(0, begin, count).copy_(at::mm(scores, head));
    }
    context->save_for_backward({gradient});
    return losses;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor gradient = context->get_saved_variables()[0];
    const Tensor scaled = gradient.to(torch::kFloat32) * gradients[0].unsqueeze(1);
    return {scaled.to(gradient.scalar_type()), Tensor(), Tensor()};
  }
};

class CpuTraining : public Kernels {
 public:
  using Kernels::Kernels;

  Tensor normalize(const Norm& norm, const Tensor& x) const override {
    if (c_.norm != NormKind::rms || x.dim() != 2) return Kernels::normalize(norm, x);
    return RmsNorm::apply(x, norm.gain, c_.norm_epsilon);
  }

  Tensor add_norm(Tensor& x, const Tensor& branch, const Norm& norm) const override {
    if (c_.norm != NormKind::rms) return Kernels::add_norm(x, branch, norm);
    const variable_list both = AddRmsNorm::apply(x, branch, norm.gain, c_.norm_epsilon);
    x = both[0];
    return both[1];
  }

  Tensor activate(const Tensor& up, const LayerWeights& layer) const override {
    return c_.gated && c_.activation == Activation::silu ? SiluTimes::apply(up)
                                                         : Kernels::activate(up, layer);
  }

  Tensor attend(AttentionInput& input, std::int64_t i, const LayerWeights& layer,
                Tensor qkv) const override {
    if (!attends_plainly(input, i) || input.has_context() || input.kept != nullptr)
      return Kernels::attend(input, i, layer, qkv);
    return training_attention(qkv, c_, input.tokens, input.rotation_of(i));
  }

  Tensor cross_entropy(const Weights& weights, const Tensor& hidden_RD,
                       const Tensor& targets_R) const override {
    const bool is_frozen = !weights.head.requires_grad() && !weights.head_bias.defined();
    if (!is_frozen || c_.logit_softcap != 0)
      return Kernels::cross_entropy(weights, hidden_RD, targets_R);
    return FrozenCrossEntropy::apply(hidden_RD, weights.head, targets_R.contiguous());
  }
};

}  // namespace

std::unique_ptr<const Kernels> cpu_training(const Weights& weights) {
  const torch::Dtype dtype = weights.embedding.scalar_type();
  const bool applies = weights.embedding.is_cpu() && torch::GradMode::is_enabled() &&
                       (dtype == torch::kFloat32 || dtype == torch::kBFloat16);
  if (!applies) return nullptr;
  return std::make_unique<CpuTraining>(weights.config);
}

}  // namespace factsweep
