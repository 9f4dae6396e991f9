// The search for values: Adam on a vector that is added at the subject's last token.
#pragma once

#include <torch/types.h>

#include <functional>
#include <span>
#include <vector>

#include "factsweep/edit/value_search.hpp"
#include "lookup.hpp"

namespace factsweep {

/// Where the vector is added.
enum class ValuePlace {
  mlp_output,    // ROME: after the down projection
  layer_output,  // MEMIT: residual stream after the layer
};

struct Values {
  torch::Tensor delta_MD;  // float32
  std::vector<SearchReport> reports;
};

/// Values of all `requests` at once, each with its own delta and its own end. `initial_MD`: what
/// the model computes there in the first context, float32. step(share of requests done, tokens).
/// std::runtime_error naming record and step: a loss that is not finite.
Values search_values(const Weights& weights, std::span<const EditRequest> requests,
                     std::int64_t layer, ValuePlace place, const torch::Tensor& initial_MD,
                     const ValueSettings& settings,
                     const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
