#include "factsweep/edit/weight_delta.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

Weights edited(const Weights& base, std::span<const WeightDelta> deltas,
               std::optional<torch::Dtype> dtype) {
  torch::NoGradGuard no_grad;
  Weights changed = base;
  for (const WeightDelta& change : deltas) {
    torch::Tensor& weight =
        changed.layers.at(static_cast<std::size_t>(change.layer)).linears[dense::down].weight;
    weight = (weight.to(change.delta_DF.scalar_type()) + change.delta_DF)
                 .to(dtype.value_or(weight.scalar_type()));
  }
  return changed;
}

}  // namespace factsweep
