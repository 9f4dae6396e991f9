// The kernels of every architecture, device and dtype, made of tensor operations.
#include <limits>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "kernels.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// Rotary embedding of x [N, heads, E]: in the first R elements pairs (e, e + R/2), or neighbours,
/// turn by position * frequency.
Tensor rotate(const Tensor& x, const Rotation& r, bool interleaved) {
  const std::int64_t turning = r.cos_N1R.size(-1), still = x.size(-1) - turning;
  if (still > 0) {
    return torch::cat(
        {rotate(x.narrow(-1, 0, turning), r, interleaved), x.narrow(-1, turning, still)}, -1);
  }
  const std::vector<Tensor> halves =
      interleaved ? x.unflatten(-1, {-1, 2}).unbind(-1) : x.chunk(2, -1);
  const Tensor quarter_turn = interleaved ? torch::stack({-halves[1], halves[0]}, -1).flatten(-2)
                                          : torch::cat({-halves[1], halves[0]}, -1);
  return x * r.cos_N1R + quarter_turn * r.sin_N1R;
}

/// RMSNorm (Zhang and Sennrich, arXiv 1910.07467) in float32, rounded back before the gain as
/// transformers does.
Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon) {
  if (x.scalar_type() == torch::kFloat32) return at::rms_norm(x, {x.size(-1)}, gain, epsilon);
  const Tensor wide = x.to(torch::kFloat32);
  return (wide * torch::rsqrt(wide.square().mean(-1, true) + epsilon)).to(x.scalar_type()) * gain;
}

/// Gemma's: the gain is one more than what is stored, and applied before the rounding.
Tensor rms_norm_plus_one(const Tensor& x, const Tensor& gain, double epsilon) {
  const Tensor wide = x.to(torch::kFloat32);
  return at::rms_norm(wide, {x.size(-1)}, 1 + gain.to(torch::kFloat32), epsilon)
      .to(x.scalar_type());
}

Tensor activated(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::silu:
      return torch::silu(x);
    case Activation::gelu:
      return torch::gelu(x);
    case Activation::gelu_tanh:
      return torch::gelu(x, "tanh");
    case Activation::relu:
      return torch::relu(x);
    case Activation::xielu:
      break;  // has parameters: xielu()
  }
  throw BugError("activated: no such activation");
}

/// xIELU (Huang and Schlag, arXiv 2411.13010), in the dtype of x throughout as transformers
/// computes it.
Tensor xielu(const Tensor& x, const LayerWeights& layer) {
  const Tensor& beta = layer.xielu_beta;
  const Tensor positive = torch::softplus(layer.xielu_positive),
               negative = beta + torch::softplus(layer.xielu_negative);
  return torch::where(
      x > 0, positive * x * x + beta * x,
      (torch::expm1(torch::minimum(x, layer.xielu_epsilon)) - x) * negative + beta * x);
}

/// [B, H, T, E] -> packed rows [N, H * E].
Tensor repack(const Tensor& x, const PackedTokens& tokens) {
  const Tensor padded = x.transpose(1, 2).reshape({tokens.sequences * tokens.longest, -1});
  return tokens.tokens() == padded.size(0) ? padded : padded.index_select(0, tokens.slots_N);
}

/// The keys or values that layer `layer` attends to: prefix, past, new.
Tensor with_context(const Tensor& own, const AttentionInput& input, std::size_t layer,
                    Tensor LayerCache::*part) {
  const Context& context = input.context;
  std::vector<Tensor> parts;
  if (context.has_prefix()) {
    const Tensor shared = context.prefix->cache.layer(layer).*part;
    parts.push_back(input.prefix_of_B.defined()
                        ? shared.index_select(0, input.prefix_of_B)
                        : shared.narrow(0, 0, 1).expand({own.size(0), -1, -1, -1}));
  }
  if (context.has_past()) {
    const Tensor past = context.past->layer(layer).*part;
    parts.push_back(context.past_rows_B.defined() ? past.index_select(0, context.past_rows_B)
                                                  : past);
  }
  if (parts.empty()) return own;
  parts.push_back(own);
  return torch::cat(parts, 2);
}

/// softmax(q k^T * scale) v; G key-value heads shared by H/G query heads. `mask` as AttentionMask
/// gives it.
Tensor mix(const ModelConfig& c, const Tensor& q, const Tensor& k, const Tensor& v,
           const Tensor& mask, double scale) {
  if (c.attention_softcap == 0) {
    return at::scaled_dot_product_attention(
        q, k, v, mask.defined() ? std::optional<Tensor>(mask) : std::nullopt,
        /*dropout_p=*/0.0, /*is_causal=*/!mask.defined(), scale,
        /*enable_gqa=*/c.heads != c.kv_heads);
  }
  // no fused kernel caps scores
  const std::int64_t shared = c.heads / c.kv_heads, T = q.size(2);
  const Tensor keys = k.repeat_interleave(shared, 1), values = v.repeat_interleave(shared, 1);
  const Tensor scores = soft_cap(torch::matmul(q, keys.transpose(2, 3)).to(torch::kFloat32) * scale,
                                 c.attention_softcap);
  const Tensor seen =
      mask.defined() ? mask : torch::ones({T, T}, q.options().dtype(torch::kBool)).tril();
  const Tensor weights =
      scores.masked_fill(seen.logical_not(), -std::numeric_limits<float>::infinity()).softmax(-1);
  return torch::matmul(weights.to(v.scalar_type()), values);
}

}  // namespace

Tensor soft_cap(const Tensor& x, double cap) {
  return torch::tanh(x.to(torch::kFloat32) / cap) * cap;
}

std::vector<Tensor> split_heads(const ModelConfig& c, const Tensor& qkv) {
  const std::int64_t E = c.head_size;
  if (c.qkv_per_head) {
    const std::int64_t shared = c.heads / c.kv_heads;
    const Tensor groups = qkv.view({-1, c.kv_heads, shared + 2, E});
    return {groups.narrow(2, 0, shared).flatten(1, 2), groups.select(2, shared),
            groups.select(2, shared + 1)};
  }
  std::vector<Tensor> parts =
      qkv.split_with_sizes({c.heads * E, c.kv_heads * E, c.kv_heads * E}, 1);
  for (Tensor& part : parts) part = part.unflatten(1, {-1, E});
  return parts;
}

Tensor unpack(const Tensor& rows, const PackedTokens& tokens) {
  const std::int64_t slots = tokens.sequences * tokens.longest;
  const Tensor padded =
      tokens.tokens() == slots
          ? rows
          : rows.new_zeros({slots, rows.size(1), rows.size(2)}).index_copy(0, tokens.slots_N, rows);
  return padded.unflatten(0, {tokens.sequences, tokens.longest}).transpose(1, 2);
}

Tensor Kernels::normalize(const Norm& norm, const Tensor& x) const {
  switch (c_.norm) {
    case NormKind::rms:
      return rms_norm(x, norm.gain, c_.norm_epsilon);
    case NormKind::rms_plus_one:
      return rms_norm_plus_one(x, norm.gain, c_.norm_epsilon);
    case NormKind::layer:
      return at::layer_norm(x, {x.size(-1)}, norm.gain, norm.bias, c_.norm_epsilon);
  }
  throw BugError("normalize: no such norm");
}

Tensor Kernels::normalize_heads(const Norm& norm, const Tensor& x) const {
  switch (c_.head_norms) {
    case HeadNorms::none:
      return x;
    case HeadNorms::shared:
      return normalize(norm, x);
    case HeadNorms::whole:
      return normalize(norm, x.flatten(1)).reshape(x.sizes());
    case HeadNorms::each:
      const Tensor plain =
          at::layer_norm(x.to(torch::kFloat32), {x.size(-1)}, {}, {}, c_.norm_epsilon);
      return (plain * norm.gain.view({x.size(1), x.size(2)})).to(x.scalar_type());
  }
  throw BugError("normalize_heads: no such norms");
}

Tensor Kernels::add_norm(Tensor& x, const Tensor& branch, const Norm& norm) const {
  x = x + branch;
  return normalize(norm, x);
}

Tensor Kernels::activate(const Tensor& up, const LayerWeights& layer) const {
  if (c_.activation == Activation::xielu) return xielu(up, layer);
  if (!c_.gated) return activated(c_.activation, up);
  const std::vector<Tensor> parts = up.chunk(2, 1);
  return activated(c_.activation, parts[0]) * parts[1];
}

Tensor Kernels::attend(AttentionInput& input, std::int64_t i, const LayerWeights& layer,
                       Tensor qkv) const {
  std::vector<Tensor> parts = split_heads(c_, qkv);
  parts[0] = normalize_heads(layer.norm_query, parts[0]);
  parts[1] = normalize_heads(layer.norm_key, parts[1]);
  if (c_.qkv_clip > 0 && c_.head_norms != HeadNorms::none) {
    for (Tensor& part : parts) part = part.clamp(-c_.qkv_clip, c_.qkv_clip);
  }
  if (const Rotation* turn = input.rotation_of(i)) {
    for (const int part : {0, 1}) parts[part] = rotate(parts[part], *turn, c_.rotary_interleaved);
  }
  const Tensor q = unpack(parts[0], input.tokens);
  Tensor k = unpack(parts[1], input.tokens), v = unpack(parts[2], input.tokens);
  input.keep(i, k, v);
  k = with_context(k, input, static_cast<std::size_t>(i), &LayerCache::keys);
  v = with_context(v, input, static_cast<std::size_t>(i), &LayerCache::values);
  const double scale = c_.attention_scale / static_cast<double>(c_.scale_by_layer ? i + 1 : 1);
  return repack(mix(c_, q, k, v, input.mask.of_layer(i), scale), input.tokens);
}

Tensor Kernels::cross_entropy(const Weights& weights, const Tensor& hidden_RD,
                              const Tensor& targets_R) const {
  return torch::cross_entropy_loss(logits(weights, hidden_RD).to(torch::kFloat32), targets_R, {},
                                   at::Reduction::None);
}

}  // namespace factsweep
