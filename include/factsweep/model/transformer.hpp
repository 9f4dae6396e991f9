// The forward pass of a decoder-only transformer, driven by the switches of ModelConfig and written
// over packed rows: no arithmetic is spent on padding outside attention.
//
// Shape legend: N packed tokens, B sequences, T tokens of the longest, R selected rows, D width, H
// heads, G key-value heads, E head size, V vocabulary, P tokens of a prefix that all sequences
// share, L tokens of a sequence's own past.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "factsweep/model/cache.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep {

/// Sequences of unequal length laid end to end.
struct PackedTokens {
  torch::Tensor ids_N;               // int64
  torch::Tensor positions_N;         // int64, position in the whole text (prefix and past included)
  torch::Tensor slots_N;             // int64, b * T + t
  torch::Tensor first_B;             // int64, `first`
  std::vector<torch::Tensor> lists;  // int64, those that pack() was told to bring along
  std::vector<std::int64_t> starts;  // [B + 1] first row of each sequence
  std::vector<std::int64_t> first;   // [B] position of each sequence's first token
  std::int64_t sequences = 0, longest = 0;

  std::int64_t tokens() const { return starts.back(); }
  /// Length of the whole text of sequence b, up to its last token.
  std::int64_t end(std::int64_t b) const { return first[b] + starts[b + 1] - starts[b]; }
  /// Every sequence of `sequences` non-empty; sequence b starts at position first[b] (or first[0]
  /// for all). Everything goes to the device in one copy, and what else the pass needs there, such
  /// as its wanted rows, with it: `lists`.
  static PackedTokens pack(std::span<const std::vector<std::int32_t>> sequences,
                           std::span<const std::int64_t> first, torch::Device device,
                           const std::vector<std::span<const std::int64_t>>& lists = {});
};

/// A term that somebody else adds to a linear: low-rank adapters, experts, captured activations. It
/// is the last to see y, and may add to it in place.
class LinearHook {
 public:
  virtual ~LinearHook() = default;
  /// y [N, out] of a linear of layer `layer` for input x [N, in] -> y plus the hook's own term,
  /// contiguous and of y's dtype. In the last layer N counts the wanted rows alone, except for
  /// dense::qkv. What is returned may be overwritten; a hook that keeps it must keep a copy.
  virtual torch::Tensor apply(std::int64_t layer, LinearId linear, const torch::Tensor& x,
                              const torch::Tensor& y) const = 0;
};

struct ForwardOptions {
  Context context = {};
  torch::Tensor rows_R = {};  // rows whose output is wanted; undefined: all
  /// Receives keys and values of the new tokens. It may be the past itself: then each row grows by
  /// the tokens of the sequence that continues it.
  KeyValueCache* keep = nullptr;
  /// Dropout on the embeddings [N, D] (`place` 0) and on both residual branches of layer i (places
  /// 2 i + 1 and 2 i + 2, of the last layer the wanted rows alone); empty: none.
  std::function<torch::Tensor(const torch::Tensor& x, std::int64_t place)> drop = {};
  const LinearHook* hook = nullptr;  // asked after every linear of a layer
  /// A part of the layers: from `first_layer`, which `entering_ND` enters in place of the embedded
  /// tokens, to before `end_layer` (-1: to the end).
  std::int64_t first_layer = 0, end_layer = -1;
  torch::Tensor entering_ND = {};
};

/// Hidden states after the final norm, [R, D] (or [N, D]); with an end_layer the residual stream
/// that would enter it. InputError: a text longer than the table of learned positions.
torch::Tensor hidden_states(const Weights& weights, const PackedTokens& tokens,
                            const ForwardOptions& options = {});

/// Vocabulary projection in the weights' dtype, with the head's bias and softcap: [R, V].
torch::Tensor logits(const Weights& weights, const torch::Tensor& hidden_RD);

/// -log softmax(logits)[target] of each row, [R] float32; targets int64.
torch::Tensor cross_entropy(const Weights& weights, const torch::Tensor& hidden_RD,
                            const torch::Tensor& targets_R);

}  // namespace factsweep
