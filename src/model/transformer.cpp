#include "factsweep/model/transformer.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "factsweep/core/error.hpp"
#include "fused.hpp"

namespace factsweep {
namespace {

namespace nn = torch::nn::functional;
using torch::Tensor;

/// Longest sequence whose attention the fused path computes; a blocked kernel wins beyond.
constexpr std::int64_t kShort = 128;

struct Rotation {
  Tensor cos_N1E, sin_N1E;
  Tensor cos, sin;  // float32 [N, E / 2], for the fused path
};

/// Inverse wavelengths [E/2] with the length extension of the config.
/// llama3: low frequencies divided by `factor`, high ones kept, a linear blend between (Llama 3.1
/// model card).
Tensor inverse_frequencies(const ModelConfig& config) {
  const RopeConfig& rope = config.rope;
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < config.head_size; i += 2) {
    double frequency =
        1.0 / std::pow(rope.theta, static_cast<double>(i) / static_cast<double>(config.head_size));
    if (rope.scaling == "linear") frequency /= rope.factor;
    if (rope.scaling == "llama3") {
      const double wavelength = 2 * std::numbers::pi / frequency;
      const double blend = (rope.original_positions / wavelength - rope.low_frequency_factor) /
                           (rope.high_frequency_factor - rope.low_frequency_factor);
      const double kept = std::clamp(blend, 0.0, 1.0);
      frequency = kept * frequency + (1 - kept) * frequency / rope.factor;
    }
    frequencies.push_back(static_cast<float>(frequency));
  }
  return torch::tensor(frequencies);
}

Rotation rotation(const ModelConfig& config, const Tensor& positions_N, torch::Dtype dtype) {
  const Tensor angles = torch::outer(positions_N.to(torch::kFloat32),
                                     inverse_frequencies(config).to(positions_N.device()));
  const Tensor both = torch::cat({angles, angles}, 1).unsqueeze(1);
  return {both.cos().to(dtype), both.sin().to(dtype), angles.cos(), angles.sin()};
}

/// Rotary embedding of x [N, heads, E]: pairs (e, e + E/2) turn by position * frequency.
Tensor rotate(const Tensor& x, const Rotation& r) {
  const std::vector<Tensor> halves = x.chunk(2, -1);
  return x * r.cos_N1E + torch::cat({-halves[1], halves[0]}, -1) * r.sin_N1E;
}

/// RMSNorm (Zhang and Sennrich, arXiv 1910.07467) in float32, rounded back before the gain as
/// transformers does.
Tensor rms_norm(const Tensor& x, const Tensor& gain, double epsilon) {
  if (fused::applies(x)) return fused::rms_norm(x, gain, epsilon);
  if (x.scalar_type() == torch::kFloat32) return at::rms_norm(x, {x.size(-1)}, gain, epsilon);
  const Tensor wide = x.to(torch::kFloat32);
  return (wide * torch::rsqrt(wide.square().mean(-1, true) + epsilon)).to(x.scalar_type()) * gain;
}

/// x += branch (where there is one yet), then its norm.
Tensor add_norm(Tensor& x, const Tensor& branch, const Tensor& gain, double epsilon) {
  if (!branch.defined()) return rms_norm(x, gain, epsilon);
  if (fused::applies(x)) return fused::add_rms_norm(x, branch, gain, epsilon);
  x = x + branch;
  return rms_norm(x, gain, epsilon);
}

/// Packed rows [N, heads * E] -> [B, heads, T, E], zero where a sequence has no token.
Tensor unpack(const Tensor& rows, const PackedTokens& tokens, std::int64_t heads) {
  const std::int64_t slots = tokens.sequences * tokens.longest;
  const Tensor padded =
      tokens.tokens() == slots
          ? rows
          : rows.new_zeros({slots, rows.size(1)}).index_copy(0, tokens.slots_N, rows);
  return padded.view({tokens.sequences, tokens.longest, heads, -1}).transpose(1, 2);
}

/// [B, H, T, E] -> packed rows [N, H * E].
Tensor repack(const Tensor& x, const PackedTokens& tokens) {
  const Tensor padded = x.transpose(1, 2).reshape({tokens.sequences * tokens.longest, -1});
  return tokens.tokens() == padded.size(0) ? padded : padded.index_select(0, tokens.slots_N);
}

/// Which of (prefix, past, new) keys each new token sees: [B or 1, 1, T, P + L + T]. Undefined when
/// plain causal. Padding needs no mask: it stands behind every real token of its sequence.
Tensor visibility(const Context& context, const PackedTokens& tokens) {
  if (!context.has_prefix() && !context.has_past()) return {};
  const std::int64_t T = tokens.longest;
  const auto options = torch::TensorOptions().dtype(torch::kBool).device(tokens.ids_N.device());
  const bool ragged_past = context.has_past() && context.past_valid_BL.defined();
  const bool ragged_prefix = context.has_prefix() && !context.prefix_of.empty();
  const std::int64_t B = ragged_past || ragged_prefix ? tokens.sequences : 1;
  std::vector<Tensor> parts;
  if (context.has_prefix()) {
    const std::int64_t P = context.prefix->layers.front().keys.size(2);
    if (ragged_prefix) {
      std::vector<std::int64_t> lengths;
      for (const std::int64_t s : context.prefix_of)
        lengths.push_back(context.prefix->lengths[static_cast<std::size_t>(s)]);
      const Tensor valid = torch::arange(P).unsqueeze(0) < torch::tensor(lengths).unsqueeze(1);
      parts.push_back(valid.to(options.device()).view({B, 1, 1, P}).expand({B, 1, T, P}));
    } else {
      parts.push_back(torch::ones({B, 1, T, P}, options));
    }
  }
  if (ragged_past) {
    parts.push_back(
        context.past_valid_BL.view({B, 1, 1, -1}).expand({B, 1, T, context.past_valid_BL.size(1)}));
  } else if (context.has_past()) {
    parts.push_back(torch::ones({B, 1, T, context.past->front().keys.size(2)}, options));
  }
  parts.push_back(torch::ones({T, T}, options).tril().view({1, 1, T, T}).expand({B, 1, T, T}));
  return torch::cat(parts, 3);
}

Tensor with_context(const Tensor& own, const Context& context, std::size_t layer,
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
    const Tensor& own_past = (*context.past)[layer].*part;
    parts.push_back(context.past_rows_B.defined() ? own_past.index_select(0, context.past_rows_B)
                                                  : own_past);
  }
  if (parts.empty()) return own;
  parts.push_back(own);
  return torch::cat(parts, 2);
}

/// Attention of one layer over packed rows: softmax(q k^T / sqrt(E)) v, G key-value heads shared by
/// H/G query heads.
Tensor attention(const Weights& weights, std::size_t layer_index, const Tensor& x_ND,
                 const PackedTokens& tokens, const Rotation& turn, const Tensor& visible,
                 const ForwardOptions& options) {
  const ModelConfig& c = weights.config;
  Tensor qkv = nn::linear(x_ND, weights.layers[layer_index].qkv);
  if (fused::applies(qkv) && tokens.longest <= kShort) {
    fused::rotate(qkv, c.heads + c.kv_heads, c.head_size, turn.cos, turn.sin);
    if (options.keep != nullptr) {
      const auto part = [&](std::int64_t first) {
        return unpack(qkv.narrow(1, first * c.head_size, c.kv_heads * c.head_size).contiguous(),
                      tokens, c.kv_heads);
      };
      options.keep->push_back({part(c.heads), part(c.heads + c.kv_heads)});
    }
    return fused::attention(qkv, c, tokens, options.context, layer_index);
  }
  const std::vector<Tensor> parts = qkv.split_with_sizes(
      {c.heads * c.head_size, c.kv_heads * c.head_size, c.kv_heads * c.head_size}, 1);
  const Tensor q = rotate(parts[0].view({-1, c.heads, c.head_size}), turn).flatten(1);
  const Tensor k = rotate(parts[1].view({-1, c.kv_heads, c.head_size}), turn).flatten(1);
  Tensor keys = unpack(k, tokens, c.kv_heads),
         values = unpack(parts[2].contiguous(), tokens, c.kv_heads);
  if (options.keep != nullptr) options.keep->push_back({keys, values});
  keys = with_context(keys, options.context, layer_index, &LayerCache::keys);
  values = with_context(values, options.context, layer_index, &LayerCache::values);
  const Tensor mixed = at::scaled_dot_product_attention(
      unpack(q, tokens, c.heads), keys, values,
      visible.defined() ? std::optional<Tensor>(visible) : std::nullopt,
      /*dropout_p=*/0.0, /*is_causal=*/!visible.defined(), /*scale=*/std::nullopt,
      /*enable_gqa=*/c.heads != c.kv_heads);
  return repack(mixed, tokens);
}

Tensor mlp(const LayerWeights& layer, const Tensor& x_ND) {
  const Tensor gate_up = nn::linear(x_ND, layer.gate_up);
  if (fused::applies(gate_up)) return nn::linear(fused::silu_times(gate_up), layer.down);
  const std::vector<Tensor> parts = gate_up.chunk(2, 1);
  return nn::linear(torch::silu(parts[0]) * parts[1], layer.down);
}

Tensor drop(const Tensor& x, double p) {
  return p > 0 ? torch::dropout(x, p, /*train=*/true) : x;
}

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
  const ModelConfig& c = weights.config;
  const Rotation turn = rotation(c, tokens.positions_N, weights.embedding.scalar_type());
  const Tensor visible = visibility(options.context, tokens);
  Tensor x = drop(torch::embedding(weights.embedding, tokens.ids_N), options.dropout);
  Tensor branch;  // the output of the block before, not yet added to x
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    Tensor mixed = attention(weights, i, add_norm(x, branch, layer.norm_attention, c.norm_epsilon),
                             tokens, turn, visible, options);
    // behind the last attention only the wanted rows go on
    if (i + 1 == weights.layers.size() && options.rows_R.defined()) {
      mixed = mixed.index_select(0, options.rows_R);
      x = x.index_select(0, options.rows_R);
    }
    branch = drop(nn::linear(mixed, layer.output), options.dropout);
    branch = drop(mlp(layer, add_norm(x, branch, layer.norm_mlp, c.norm_epsilon)), options.dropout);
  }
  return add_norm(x, branch, weights.norm, c.norm_epsilon);
}

Tensor logits(const Weights& weights, const Tensor& hidden_RD) {
  return nn::linear(hidden_RD, weights.head);
}

}  // namespace factsweep
