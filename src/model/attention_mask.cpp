#include "attention_mask.hpp"

#include <torch/torch.h>

#include <cmath>
#include <limits>

namespace factsweep {
namespace {

using torch::Tensor;

/// Keys that `cache` holds of each sequence; 0 without one.
std::int64_t cached(const std::vector<LayerCache>* cache) {
  return cache == nullptr || cache->empty() ? 0 : cache->front().keys.size(2);
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
  const bool has_context = cached(context_.prefix) > 0 || cached(context_.past) > 0;
  if (!has_alibi && !has_context && window == 0) return {};
  Tensor seen = visible();
  if (window > 0) seen = seen & (key_positions() > query_positions() - window);
  if (!has_alibi) return seen;
  return alibi().masked_fill(seen.logical_not(), -std::numeric_limits<float>::infinity());
}

/// Which of (prefix, past, new) keys each new token sees, windows aside: bool [B or 1, 1, T, S].
Tensor AttentionMask::visible() const {
  const std::int64_t T = tokens_.longest, P = cached(context_.prefix), L = cached(context_.past);
  const auto options = torch::TensorOptions().dtype(torch::kBool).device(tokens_.ids_N.device());
  const bool ragged = L > 0 && context_.past_valid_BL.defined();
  const std::int64_t B = ragged ? tokens_.sequences : 1;
  std::vector<Tensor> parts;
  if (P > 0) parts.push_back(torch::ones({B, 1, T, P}, options));
  if (ragged) {
    parts.push_back(context_.past_valid_BL.view({B, 1, 1, L}).expand({B, 1, T, L}));
  } else if (L > 0) {
    parts.push_back(torch::ones({B, 1, T, L}, options));
  }
  parts.push_back(torch::ones({T, T}, options).tril().view({1, 1, T, T}).expand({B, 1, T, T}));
  return torch::cat(parts, 3);
}

/// [B, 1, T, 1]; padding goes on counting, so that it sees at least itself.
Tensor AttentionMask::query_positions() const {
  const Tensor first = torch::tensor(tokens_.first, torch::kInt64).to(tokens_.ids_N.device());
  const Tensor steps = torch::arange(tokens_.longest, first.options());
  return (first.unsqueeze(1) + steps).view({tokens_.sequences, 1, tokens_.longest, 1});
}

/// [B, 1, 1, S]
Tensor AttentionMask::key_positions() const {
  const std::int64_t B = tokens_.sequences, P = cached(context_.prefix), L = cached(context_.past);
  const auto options = tokens_.ids_N.options();
  std::vector<Tensor> parts;
  if (P > 0) parts.push_back(torch::arange(P, options).expand({B, P}));
  if (L > 0 && context_.past_valid_BL.defined()) {
    parts.push_back(context_.past_valid_BL.cumsum(1) + (P - 1));
  } else if (L > 0) {
    parts.push_back(torch::arange(P, P + L, options).expand({B, L}));
  }
  parts.push_back(query_positions().view({B, tokens_.longest}));
  return torch::cat(parts, 1).view({B, 1, 1, -1});
}

/// slope * (key - query): relative, where transformers adds slope * key; softmax sees no
/// difference, bfloat16 does.
Tensor AttentionMask::alibi() const {
  const Tensor slopes =
      torch::tensor(alibi_slopes(config_.heads)).to(tokens_.ids_N.device()).view({1, -1, 1, 1});
  return (slopes * (key_positions() - query_positions())).to(dtype_);
}

}  // namespace factsweep
