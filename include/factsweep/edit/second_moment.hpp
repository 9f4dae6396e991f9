// Second moments of the keys of MLP down projections, which tell ROME and MEMIT what other facts
// ask of a layer.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "factsweep/model/model.hpp"

namespace factsweep {

struct SecondMoments {
  std::map<std::int64_t, torch::Tensor> by_layer;  // layer -> E[k k^T], float64 [F, F], on the CPU
  std::int64_t tokens = 0;                         // that the means are over
};

/// Uncentred: C = E[k k^T] of the inputs k of dense::down over all tokens of `texts` (ROME, arXiv
/// 2202.05262, appendix E.5), in passes of about `batch_tokens` tokens that end after the last
/// wanted layer. step(share done, tokens). InputError: a layer that the model does not have, no
/// text, a text longer than the table of learned positions.
SecondMoments second_moments(const Weights& weights, const std::vector<std::vector<TokenId>>& texts,
                             const std::vector<std::int64_t>& layers, std::int64_t batch_tokens,
                             const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
