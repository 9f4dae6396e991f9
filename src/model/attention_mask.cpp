#include "attention_mask.hpp"

#include <cmath>
#include <limits>

#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// Slots of the longest prefix and of the past; 0 without one.
std::int64_t prefix_slots(const Context& context) {
  return context.has_prefix() ? context.prefix->cache.attended() : 0;
}
std::int64_t past_slots(const Context& context) {
  return context.has_past() ? context.past->attended() : 0;
}

/// Slopes of ALiBi (Press et al., arXiv 2108.12409): a geometric series, and for a number of heads
/// that is no power of two every other term of the next longer one.
std::vector<float> alibi_slopes(std::int64_t heads) {
  std::int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  std::vector<float> slopes;
  for (std::int64_t h = 0; h < heads; ++h) {
    const double exponent =
        h < power ? 8.0 * static_cast<double>(h + 1) / static_cast<double>(power)
                  : 4.0 * static_cast<double>(2 * (h - power) + 1) / static_cast<double>(power);
    slopes.push_back(static_cast<float>(std::exp2(-exponent)));
  }
  return slopes;
}

}  // namespace

const Tensor& AttentionMask::of_layer(std::int64_t layer) {
  const std::int64_t window = binds(config_.window(layer)) ? config_.window(layer) : 0;
  const auto [found, fresh] = masks_.try_emplace(window);
  if (fresh) found->second = make(window);
  return found->second;
}

bool AttentionMask::is_plain(std::int64_t layer) const {
  return config_.position != PositionKind::alibi && !binds(config_.window(layer));
}

bool AttentionMask::binds(std::int64_t window) const {
  if (window == 0) return false;
  for (std::int64_t b = 0; b < tokens_.sequences; ++b) {
    if (tokens_.end(b) > window) return true;
  }
  return false;
}

Tensor AttentionMask::make(std::int64_t window) const {
  const bool has_alibi = config_.position == PositionKind::alibi;
  const bool has_context = context_.has_prefix() || context_.has_past();
  if (!has_alibi && !has_context && window == 0) return {};
  Tensor seen = visible();
  if (window > 0) seen = seen & (key_positions() > query_positions() - window);
  if (!has_alibi) return seen;
  return alibi().masked_fill(seen.logical_not(), -std::numeric_limits<float>::infinity());
}

/// Which of (prefix, past, new) keys each new token sees, windows aside: bool [B or 1, 1, T, S].
Tensor AttentionMask::visible() const {
  const std::int64_t T = tokens_.longest, P = prefix_slots(context_), L = past_slots(context_);
  const auto options = torch::TensorOptions().dtype(torch::kBool).device(tokens_.ids_N.device());
  const bool ragged_prefix = P > 0 && !context_.prefix_of.empty();
  const std::int64_t B = L > 0 || ragged_prefix ? tokens_.sequences : 1;
  std::vector<Tensor> parts;
  if (ragged_prefix) {
    const Tensor lengths_B = context_.prefix->lengths_S.index_select(0, prefix_of_B_);
    const Tensor valid =
        torch::arange(P, lengths_B.options()).unsqueeze(0) < lengths_B.unsqueeze(1);
    parts.push_back(valid.view({B, 1, 1, P}).expand({B, 1, T, P}));
  } else if (P > 0) {
    parts.push_back(torch::ones({B, 1, T, P}, options));
  }
  if (L > 0) {
    const Tensor valid = context_.past->valid(context_.past_rows_B);
    parts.push_back(valid.view({B, 1, 1, L}).expand({B, 1, T, L}));
  }
  parts.push_back(torch::ones({T, T}, options).tril().view({1, 1, T, T}).expand({B, 1, T, T}));
  return torch::cat(parts, 3);
}

/// [B, 1, T, 1]; padding goes on counting, so that it sees at least itself.
Tensor AttentionMask::query_positions() const {
  const Tensor steps = torch::arange(tokens_.longest, tokens_.first_B.options());
  return (tokens_.first_B.unsqueeze(1) + steps).view({tokens_.sequences, 1, tokens_.longest, 1});
}

/// [B, 1, 1, S]. The valid tokens of a past end where the new ones begin.
Tensor AttentionMask::key_positions() const {
  const std::int64_t B = tokens_.sequences, P = prefix_slots(context_), L = past_slots(context_);
  const auto options = tokens_.ids_N.options();
  const Tensor queries = query_positions().view({B, tokens_.longest});
  std::vector<Tensor> parts;
  if (P > 0) parts.push_back(torch::arange(P, options).expand({B, P}));
  if (L > 0) {
    const Tensor valid = context_.past->valid(context_.past_rows_B).to(torch::kInt64);
    parts.push_back(queries.narrow(1, 0, 1) - valid.sum(1, true) + valid.cumsum(1) - 1);
  }
  parts.push_back(queries);
  return torch::cat(parts, 1).view({B, 1, 1, -1});
}

/// slope * (key - query): relative, where transformers adds slope * key; softmax sees no
/// difference, bfloat16 does.
Tensor AttentionMask::alibi() const {
  const Tensor slopes =
      staged(alibi_slopes(config_.heads), tokens_.ids_N.device()).view({1, -1, 1, 1});
  if (config_.alibi_before_scale) {
    // absolute, as its rounding depends on the position
    const Tensor penalties = slopes.to(torch::kBFloat16) * key_positions().to(torch::kBFloat16);
    return (penalties.to(torch::kFloat32) * config_.attention_scale).to(dtype_);
  }
  return (slopes * (key_positions() - query_positions())).to(dtype_);
}

}  // namespace factsweep
