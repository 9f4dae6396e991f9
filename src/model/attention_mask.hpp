// What the scores of attention need besides the product of queries and keys: which keys a token
// sees, and ALiBi's penalty on distance.
#pragma once

#include <torch/types.h>

#include <map>
#include <utility>

#include "factsweep/model/transformer.hpp"

namespace factsweep {

/// Masks of one forward pass, made when a layer first asks. Padding needs no mask: it comes after
/// every real token of its sequence.
class AttentionMask {
 public:
  /// `prefix_of_B`: Context::prefix_of on the device.
  AttentionMask(const ModelConfig& config, const Context& context, const PackedTokens& tokens,
                torch::Tensor prefix_of_B, torch::Dtype dtype)
      : config_(config),
        context_(context),
        tokens_(tokens),
        prefix_of_B_(std::move(prefix_of_B)),
        dtype_(dtype) {}

  /// A layer's mask: bool, or with ALiBi a term [B or 1, 1 or H, T, P + L + T] of the scores.
  /// Undefined where plain causal attention over the new tokens is meant.
  const torch::Tensor& of_layer(std::int64_t layer);
  /// Whether a layer's tokens see everything before them, and nothing weighs their distance.
  bool is_plain(std::int64_t layer) const;

 private:
  torch::Tensor make(std::int64_t window) const;
  torch::Tensor visible() const;
  torch::Tensor query_positions() const;
  torch::Tensor key_positions() const;
  torch::Tensor alibi() const;
  bool binds(std::int64_t window) const;

  const ModelConfig& config_;
  const Context& context_;
  const PackedTokens& tokens_;
  const torch::Tensor prefix_of_B_;
  const torch::Dtype dtype_;
  std::map<std::int64_t, torch::Tensor> masks_;  // by window
};

}  // namespace factsweep
