// Adapters added up, and the search for their weights (LoRAHub: Huang et al., arXiv 2307.13269).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/random.hpp"

namespace factsweep {

/// A = sum w_i A_i and B = sum w_i B_i: LoRAHub's sum of matrices, not of updates (which
/// stacked() gives). InputError: other ranks or scales than the first one's.
LoraAdapter weighted_sum(std::span<const LoraAdapter> adapters, std::span<const double> weights);

/// Weights in [-1.5, 1.5] (LoRAHub's bounds) of low loss, from zeros on: an evolution strategy of
/// one parent and one child whose step grows by successes and shrinks by failures so that one in
/// five succeeds. It asks `loss` once for the start, and `evaluations` times more.
std::vector<double> search_weights(std::size_t count, std::int64_t evaluations,
                                   const std::function<double(const std::vector<double>&)>& loss,
                                   CounterRandom random);

}  // namespace factsweep
