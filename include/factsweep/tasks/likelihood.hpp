// Log-probabilities of given texts: after a prompt that is encoded once for all of them, or alone.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "factsweep/model/model.hpp"

namespace factsweep {

struct ScoreRequest {
  std::vector<TokenId> prompt;                      // not empty
  std::vector<std::vector<TokenId>> continuations;  // none empty
};

struct ContinuationScore {
  double sum = 0;  // natural log of the continuation's probability
  std::int64_t tokens = 0;
  double mean() const { return sum / static_cast<double>(tokens); }
};

/// [request][continuation]. About `batch_tokens` tokens a pass; `step(requests done, tokens)` after
/// each.
std::vector<std::vector<ContinuationScore>> score_continuations(
    const Model& model, const std::vector<ScoreRequest>& requests, std::int64_t batch_tokens,
    const std::function<void(std::int64_t, std::int64_t)>& step);

/// All texts together, each token but the first of a text after those of the text before it. Texts
/// have two tokens at least. About `batch_tokens` tokens a pass; `step(texts done, tokens)` after
/// each.
ContinuationScore score_texts(const Model& model, const std::vector<std::vector<TokenId>>& texts,
                              std::int64_t batch_tokens,
                              const std::function<void(std::int64_t, std::int64_t)>& step);

}  // namespace factsweep
