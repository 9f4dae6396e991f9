// Attention in one launch, as CUDA has it for half precision without a mask: what the backward pass
// finds of it is queries, keys, values, their mixture, and a logarithm a row. All other attention
// is made of plain products, which keep the probabilities, and in half precision float32 copies.
#include <ATen/ATen.h>
#include <ATen/native/transformers/attention.h>
#include <torch/library.h>

#include <tuple>

#include "counts.hpp"
#include "memory.hpp"
#include "operators.hpp"

namespace pretended {
namespace {

using at::Tensor;

constexpr std::int64_t kPlainProducts = 0, kFlash = 1;  // of libtorch's SDPBackend
constexpr std::int64_t kLargestHead = 256, kHeadStep = 8;

std::int64_t choose_attention(const Tensor& q, const Tensor&, const Tensor&,
                              const std::optional<Tensor>& mask, double dropout, bool,
                              std::optional<double>, bool) {
  const bool is_half = q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf;
  const bool fits = q.dim() == 4 && q.size(-1) <= kLargestHead && q.size(-1) % kHeadStep == 0;
  return is_half && fits && !mask.has_value() && dropout == 0 ? kFlash : kPlainProducts;
}
const bool attention_chosen = [] {
  at::native::_fused_sdp_choice_stub.set_cuda_dispatch_ptr(&choose_attention);
  return true;
}();

/// Keys or values [B, G, S, E] for each of `heads` query heads.
Tensor for_each_head(const Tensor& x, std::int64_t heads) {
  return x.size(1) == heads ? x : x.repeat_interleave(heads / x.size(1), 1);
}
/// The gradient of the same.
Tensor summed_over_heads(const Tensor& gradient, std::int64_t kv_heads) {
  if (gradient.size(1) == kv_heads) return gradient;
  return gradient.unflatten(1, {kv_heads, -1}).sum(2);
}

using Attended =
    std::tuple<Tensor, Tensor, Tensor, Tensor, c10::SymInt, c10::SymInt, Tensor, Tensor, Tensor>;

Attended attend(const Tensor& q, const Tensor& k, const Tensor& v, double dropout, bool is_causal,
                bool /*return_debug_mask*/, std::optional<double> scale) {
  const AtWork at_work;
  const Tensor keys = for_each_head(on_host(k), q.size(1)),
               values = for_each_head(on_host(v), q.size(1));
  const auto [out, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
      on_host(q), keys, values, dropout, is_causal, std::nullopt, scale);
  count_launch("aten::_scaled_dot_product_flash_attention");
  return {on_device(out, q.device()),
          on_device(logsumexp, q.device()),
          Tensor(),
          Tensor(),
          q.size(2),
          k.size(2),
          on_device(at::zeros({2}, at::kLong), q.device()),
          on_device(at::zeros({}, at::kLong), q.device()),
          Tensor()};
}

std::tuple<Tensor, Tensor, Tensor> attend_back(const Tensor& gradient, const Tensor& q,
                                               const Tensor& k, const Tensor& v, const Tensor& out,
                                               const Tensor& logsumexp, const Tensor&,
                                               const Tensor&, c10::SymInt, c10::SymInt,
                                               double dropout, bool is_causal, const Tensor&,
                                               const Tensor&, std::optional<double> scale) {
  const AtWork at_work;
  const Tensor keys = for_each_head(on_host(k), q.size(1)),
               values = for_each_head(on_host(v), q.size(1));
  const auto [of_q, of_k, of_v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      on_host(gradient), on_host(q), keys, values, on_host(out), on_host(logsumexp), dropout,
      is_causal, std::nullopt, scale);
  count_launch("aten::_scaled_dot_product_flash_attention_backward");
  return {on_device(of_q, q.device()), on_device(summed_over_heads(of_k, k.size(1)), q.device()),
          on_device(summed_over_heads(of_v, v.size(1)), q.device())};
}

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("_scaled_dot_product_flash_attention", &attend);
  m.impl("_scaled_dot_product_flash_attention_backward", &attend_back);
}

}  // namespace
}  // namespace pretended
