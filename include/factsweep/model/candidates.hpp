// The k most likely next tokens and their probabilities under temperature and top-k, for many rows
// at once.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <vector>

#include "factsweep/model/weights.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

/// Row-major [rows, width], most likely first.
struct Candidates {
  std::int64_t width = 0;
  std::vector<TokenId> ids;
  std::vector<float> scores;         // logits in float32
  std::vector<float> probabilities;  // softmax(scores / temperature) over the row's candidates

  std::span<const TokenId> row_ids(std::int64_t row) const {
    return {&ids[row * width], static_cast<std::size_t>(width)};
  }
  std::span<const float> row_probabilities(std::int64_t row) const {
    return {&probabilities[row * width], static_cast<std::size_t>(width)};
  }
  /// Logit of the first minus logit of the second candidate.
  float gap(std::int64_t row) const { return scores[row * width] - scores[row * width + 1]; }
};

/// How many of a row's candidates, most likely first, nucleus sampling keeps (Holtzman et al.,
/// arXiv 1904.09751, as transformers' TopPLogitsWarper): each whose predecessors' shares sum to
/// less than `top_p`. At least one.
std::size_t nucleus(std::span<const float> probabilities, double top_p);

/// What find_candidates() takes at most for logits and for products in float32; more rows are done
/// one part after the other.
inline constexpr std::int64_t kCandidateBytes = std::int64_t{2} << 30;

/// hidden_RD: rows of hidden_states(). In bfloat16 the logits of the candidates are computed again
/// in float32 from the rounded hidden state and weights: bf16 logits tie too often to rank by.
/// top_k >= 2. `most_bytes`: see kCandidateBytes; a row takes what it must.
Candidates find_candidates(const Weights& weights, const torch::Tensor& hidden_RD,
                           std::int64_t top_k, double temperature,
                           std::int64_t most_bytes = kCandidateBytes);

}  // namespace factsweep
