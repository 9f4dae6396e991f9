#include "factsweep/model/transformer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "attention_mask.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "fused.hpp"
#include "fused_training.hpp"
#include "rope.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// Longest sequence whose attention the fused path computes; a blocked kernel wins beyond.
constexpr std::int64_t kShort = 128;

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
  if (fused::applies(x) && x.dim() == 2) return fused::rms_norm(x, gain, epsilon);
  if (fused::trains(x) && x.dim() == 2) return fused::training_rms_norm(x, gain, epsilon);
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

Tensor normalize(const ModelConfig& c, const Norm& norm, const Tensor& x) {
  switch (c.norm) {
    case NormKind::rms:
      return rms_norm(x, norm.gain, c.norm_epsilon);
    case NormKind::rms_plus_one:
      return rms_norm_plus_one(x, norm.gain, c.norm_epsilon);
    case NormKind::layer:
      return at::layer_norm(x, {x.size(-1)}, norm.gain, norm.bias, c.norm_epsilon);
  }
  throw BugError("normalize: no such norm");
}

Tensor activate(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::silu:
      return torch::silu(x);
    case Activation::gelu:
      return torch::gelu(x);
    case Activation::gelu_tanh:
      return torch::gelu(x, "tanh");
    case Activation::relu:
      return torch::relu(x);
  }
  throw BugError("activate: no such activation");
}

/// up [N, 2F] or [N, F] -> [N, F].
Tensor gate(const ModelConfig& c, const Tensor& up) {
  if (!c.gated) return activate(c.activation, up);
  if (c.activation == Activation::silu && fused::applies(up)) return fused::silu_times(up);
  if (c.activation == Activation::silu && fused::trains(up)) return fused::training_silu_times(up);
  const std::vector<Tensor> parts = up.chunk(2, 1);
  return activate(c.activation, parts[0]) * parts[1];
}

/// In float32, which a bfloat16 result is rounded from once instead of three times.
Tensor soft_cap(const Tensor& x, double cap) {
  return torch::tanh(x.to(torch::kFloat32) / cap) * cap;
}

/// Packed rows [N, heads, E] -> [B, heads, T, E], zero where a sequence has no token.
Tensor unpack(const Tensor& rows, const PackedTokens& tokens) {
  const std::int64_t slots = tokens.sequences * tokens.longest;
  const Tensor padded =
      tokens.tokens() == slots
          ? rows
          : rows.new_zeros({slots, rows.size(1), rows.size(2)}).index_copy(0, tokens.slots_N, rows);
  return padded.unflatten(0, {tokens.sequences, tokens.longest}).transpose(1, 2);
}

/// [B, H, T, E] -> packed rows [N, H * E].
Tensor repack(const Tensor& x, const PackedTokens& tokens) {
  const Tensor padded = x.transpose(1, 2).reshape({tokens.sequences * tokens.longest, -1});
  return tokens.tokens() == padded.size(0) ? padded : padded.index_select(0, tokens.slots_N);
}

/// The keys or values that layer `layer` attends to: prefix, past, new.
Tensor with_context(const Tensor& own, const Context& context, std::int64_t layer,
                    Tensor LayerCache::*part) {
  std::vector<Tensor> parts;
  if (context.has_prefix()) {
    const Tensor& shared = context.prefix->layers[layer].*part;
    parts.push_back(context.prefix_of.empty()
                        ? shared.narrow(0, 0, 1).expand({own.size(0), -1, -1, -1})
                        : shared.index_select(
                              0, torch::tensor(context.prefix_of, torch::kInt64).to(own.device())));
  }
  if (context.has_past()) {
    const Tensor& past = (*context.past)[layer].*part;
    parts.push_back(context.past_rows_B.defined() ? past.index_select(0, context.past_rows_B)
                                                  : past);
  }
  if (parts.empty()) return own;
  parts.push_back(own);
  return torch::cat(parts, 2);
}

/// softmax(q k^T * scale) v; G key-value heads shared by H/G query heads. `mask` as AttentionMask
/// gives it.
Tensor attend(const ModelConfig& c, const Tensor& q, const Tensor& k, const Tensor& v,
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

/// One pass of packed tokens through the layers.
class Pass {
 public:
  Pass(const Weights& weights, const PackedTokens& tokens, const ForwardOptions& options)
      : w_(weights),
        c_(weights.config),
        tokens_(tokens),
        options_(options),
        mask_(c_, options.context, tokens, weights.embedding.scalar_type()) {
    if (c_.position != PositionKind::rotary) return;
    turn_ = rotation(c_, c_.rope, tokens, weights.embedding.scalar_type());
    if (c_.window_rope)
      window_turn_ = rotation(c_, *c_.window_rope, tokens, weights.embedding.scalar_type());
  }

  Tensor run() {
    // a copy: without gradients the layers add to x_ in place
    x_ = options_.entering_ND.defined() ? options_.entering_ND.clone() : embed();
    const bool to_the_end = options_.end_layer < 0;
    const std::int64_t end = to_the_end ? c_.layers : options_.end_layer;
    for (std::int64_t i = options_.first_layer; i < end; ++i) layer(i);
    if (to_the_end) return add_norm(w_.norm);
    return pending_.defined() ? x_ + pending_ : x_;
  }

 private:
  Tensor embed() const {
    Tensor x = torch::embedding(w_.embedding, tokens_.ids_N);
    // rounded to the weights' dtype first, as transformers does
    if (c_.embedding_scale != 1) x = x * at::scalar_tensor(c_.embedding_scale, x.options());
    if (c_.position == PositionKind::learned) {
      for (std::int64_t b = 0; b < tokens_.sequences; ++b) {
        if (tokens_.end(b) > c_.positions) {
          throw InputError(
              fmt::format("a text of {} tokens is longer than the {} positions that the model has.",
                          tokens_.end(b), c_.positions));
        }
      }
      x = x + torch::embedding(w_.positions, tokens_.positions_N + c_.position_offset);
    }
    if (c_.embedding_norm) x = normalize(c_, w_.norm_embedding, x);
    return drop(x);
  }

  /// Linear `slot` of layer `i`, and what the model's adapter and then the hook make of it.
  Tensor apply(std::int64_t i, Slot slot, const Tensor& x) const {
    const Linear& linear = w_.layers[i].at(slot);
    Tensor y = torch::linear(x, linear.weight, linear.bias);
    if (w_.adapter != nullptr) y = w_.adapter->apply(i, slot, x, y);
    return options_.hook == nullptr ? y : options_.hook->apply(i, slot, x, y);
  }

  /// Adds what the block before left pending to x, and gives the norm of the sum.
  Tensor add_norm(const Norm& norm) {
    const Tensor added = std::exchange(pending_, Tensor());
    if (!added.defined()) return normalize(c_, norm, x_);
    if (c_.norm == NormKind::rms && fused::applies(x_))
      return fused::add_rms_norm(x_, added, norm.gain, c_.norm_epsilon);
    if (c_.norm == NormKind::rms && fused::trains(x_)) {
      Tensor normed;
      std::tie(x_, normed) = fused::training_add_rms_norm(x_, added, norm.gain, c_.norm_epsilon);
      return normed;
    }
    x_ = x_ + added;
    return normalize(c_, norm, x_);
  }

  void layer(std::int64_t i) {
    const LayerWeights& layer = w_.layers[i];
    Tensor y = add_norm(layer.norm_attention);
    Tensor mixed = attention(i, y);
    // after the last attention only the wanted rows go on
    if (i + 1 == c_.layers && options_.rows_R.defined()) {
      mixed = mixed.index_select(0, options_.rows_R);
      x_ = x_.index_select(0, options_.rows_R);
      if (c_.residual == Residual::parallel_shared) y = y.index_select(0, options_.rows_R);
    }
    const Tensor attended = branch(apply(i, Slot::output, mixed), layer.norm_attention_behind);
    if (c_.residual == Residual::sequential) {
      pending_ = attended;
      y = add_norm(layer.norm_mlp);
    } else if (c_.residual == Residual::parallel) {
      y = normalize(c_, layer.norm_mlp, x_);
    }
    const Tensor hidden = gate(c_, apply(i, Slot::up, y));
    pending_ = branch(apply(i, Slot::down, hidden), layer.norm_mlp_behind);
    if (c_.residual != Residual::sequential) pending_ = attended + pending_;
  }

  Tensor drop(const Tensor& x) const { return options_.drop ? options_.drop(x) : x; }

  /// What a residual branch adds.
  Tensor branch(const Tensor& y, const Norm& norm) const {
    return drop(c_.branch_norms ? normalize(c_, norm, y) : y);
  }

  /// Queries, keys and values [N, heads, E].
  std::vector<Tensor> heads(const Tensor& qkv) const {
    const std::int64_t E = c_.head_size;
    if (c_.qkv_per_head) return qkv.view({-1, c_.heads, 3, E}).unbind(2);
    std::vector<Tensor> parts =
        qkv.split_with_sizes({c_.heads * E, c_.kv_heads * E, c_.kv_heads * E}, 1);
    for (Tensor& part : parts) part = part.unflatten(1, {-1, E});
    return parts;
  }

  /// Whether layer i is what the fused paths compute.
  bool is_common(std::int64_t i) const {
    return mask_.is_plain(i) && !c_.qkv_per_head && !c_.head_norms && !c_.rotary_interleaved &&
           !c_.scale_by_layer && c_.attention_softcap == 0 &&
           c_.attention_scale == 1 / std::sqrt(static_cast<double>(c_.head_size));
  }
  bool has_no_context() const {
    return !options_.context.has_prefix() && !options_.context.has_past() &&
           options_.keep == nullptr;
  }

  Tensor fused_attention(std::int64_t i, Tensor& qkv, const Rotation& turn) {
    if (c_.position == PositionKind::rotary)
      fused::rotate(qkv, c_.heads + c_.kv_heads, c_.head_size, turn.cos, turn.sin);
    if (options_.keep != nullptr) {
      const std::vector<Tensor> parts = heads(qkv);
      options_.keep->push_back(
          {unpack(parts[1].contiguous(), tokens_), unpack(parts[2].contiguous(), tokens_)});
    }
    return fused::attention(qkv, c_, tokens_, options_.context, static_cast<std::size_t>(i));
  }

  /// Attention of one layer over packed rows, [N, Q].
  Tensor attention(std::int64_t i, const Tensor& x_ND) {
    const Rotation& turn = c_.window_rope && c_.window(i) > 0 ? window_turn_ : turn_;
    Tensor qkv = apply(i, Slot::qkv, x_ND);
    if (is_common(i)) {
      if (fused::applies(qkv) && tokens_.longest <= kShort) return fused_attention(i, qkv, turn);
      if (fused::trains(qkv) && has_no_context()) {
        return fused::training_attention(qkv, c_, tokens_,
                                         c_.position == PositionKind::rotary ? &turn : nullptr);
      }
    }
    std::vector<Tensor> parts = heads(qkv);
    if (c_.head_norms) {
      parts[0] = normalize(c_, w_.layers[i].norm_query, parts[0]);
      parts[1] = normalize(c_, w_.layers[i].norm_key, parts[1]);
    }
    if (c_.position == PositionKind::rotary) {
      for (const int part : {0, 1}) parts[part] = rotate(parts[part], turn, c_.rotary_interleaved);
    }
    const Tensor q = unpack(parts[0], tokens_);
    Tensor k = unpack(parts[1], tokens_), v = unpack(parts[2], tokens_);
    // copies: a view would keep the queries in memory too
    if (options_.keep != nullptr) options_.keep->push_back({k.contiguous(), v.contiguous()});
    k = with_context(k, options_.context, i, &LayerCache::keys);
    v = with_context(v, options_.context, i, &LayerCache::values);
    const double scale = c_.attention_scale / static_cast<double>(c_.scale_by_layer ? i + 1 : 1);
    return repack(attend(c_, q, k, v, mask_.of_layer(i), scale), tokens_);
  }

  const Weights& w_;
  const ModelConfig& c_;
  const PackedTokens& tokens_;
  const ForwardOptions& options_;
  AttentionMask mask_;
  Rotation turn_, window_turn_;
  Tensor x_;        // [N, D]
  Tensor pending_;  // what the block before adds to x_, where that is still to be done
};

}  // namespace

PackedTokens PackedTokens::pack(std::span<const std::vector<std::int32_t>> sequences,
                                std::span<const std::int64_t> first, torch::Device device) {
  require(!sequences.empty() && !first.empty(), "PackedTokens::pack: no sequences");
  PackedTokens packed;
  packed.sequences = static_cast<std::int64_t>(sequences.size());
  packed.starts = {0};
  for (const auto& sequence : sequences) {
    require(!sequence.empty(), "PackedTokens::pack: an empty sequence");
    packed.longest = std::max(packed.longest, static_cast<std::int64_t>(sequence.size()));
    packed.starts.push_back(packed.starts.back() + static_cast<std::int64_t>(sequence.size()));
  }
  packed.ids_N = torch::empty({packed.tokens()}, torch::kInt64);
  packed.positions_N = torch::empty_like(packed.ids_N);
  packed.slots_N = torch::empty_like(packed.ids_N);
  auto* ids = packed.ids_N.data_ptr<std::int64_t>();
  auto* positions = packed.positions_N.data_ptr<std::int64_t>();
  auto* slots = packed.slots_N.data_ptr<std::int64_t>();
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const std::int64_t offset = first.size() == 1 ? first[0] : first[b];
    packed.first.push_back(offset);
    for (std::size_t t = 0; t < sequences[b].size(); ++t) {
      *ids++ = sequences[b][t];
      *positions++ = offset + static_cast<std::int64_t>(t);
      *slots++ = static_cast<std::int64_t>(b) * packed.longest + static_cast<std::int64_t>(t);
    }
  }
  packed.ids_N = packed.ids_N.to(device);
  packed.positions_N = packed.positions_N.to(device);
  packed.slots_N = packed.slots_N.to(device);
  return packed;
}

SharedPrefix SharedPrefix::compute(const Weights& weights,
                                   const std::vector<std::vector<std::int32_t>>& texts) {
  SharedPrefix prefix;
  std::vector<std::vector<std::int32_t>> sequences = texts;
  for (auto& text : sequences) {
    prefix.lengths.push_back(static_cast<std::int64_t>(text.size()));
    if (text.empty()) text = {0};  // a row that nothing attends to
  }
  if (std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); }))
    return prefix;
  torch::NoGradGuard no_grad;
  const std::int64_t start = 0;
  const PackedTokens packed =
      PackedTokens::pack(sequences, {&start, 1}, weights.embedding.device());
  // one row is enough: only keys and values are wanted
  const Tensor last = torch::zeros({1}, packed.ids_N.options());
  hidden_states(weights, packed, {.rows_R = last, .keep = &prefix.layers});
  return prefix;
}

Tensor hidden_states(const Weights& weights, const PackedTokens& tokens,
                     const ForwardOptions& options) {
  return Pass(weights, tokens, options).run();
}

Tensor logits(const Weights& weights, const Tensor& hidden_RD) {
  const Tensor scores = torch::linear(hidden_RD, weights.head, weights.head_bias);
  const double cap = weights.config.logit_softcap;
  return cap > 0 ? soft_cap(scores, cap).to(scores.scalar_type()) : scores;
}

Tensor cross_entropy(const Weights& weights, const Tensor& hidden_RD, const Tensor& targets_R) {
  const bool frozen = !weights.head.requires_grad() && !weights.head_bias.defined();
  if (frozen && weights.config.logit_softcap == 0 && fused::trains(hidden_RD))
    return fused::training_cross_entropy(hidden_RD, weights.head, targets_R);
  return torch::cross_entropy_loss(logits(weights, hidden_RD).to(torch::kFloat32), targets_R, {},
                                   at::Reduction::None);
}

}  // namespace factsweep
