// The forward pass of an encoder over packed rows: sequences of equal length lie side by side, so
// that attention is one product for all of them, without padding and without a mask.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "factsweep/encoder/encoder.hpp"
#include "factsweep/text/tokenizer.hpp"
#include "weights.hpp"

namespace factsweep::encoder {

/// `texts` sequences of `length` tokens each, from row `first` of the packed tokens on.
struct Run {
  std::int64_t first = 0, texts = 0, length = 0;
};

struct Batch {
  torch::Tensor ids_N, positions_N;  // int32; positions are rows of the table
  std::vector<Run> runs;             // in the order of their rows, without gaps
  std::int64_t texts = 0;

  /// Non-empty sequences; neighbours of equal length share a run.
  static Batch pack(std::span<const std::vector<TokenId>* const> sequences, const Config& config,
                    torch::Device device);
};

/// One row a text, float32 [texts, D].
torch::Tensor pooled_states(const EncoderWeights& weights, const Batch& batch, Pooling pooling);

}  // namespace factsweep::encoder
