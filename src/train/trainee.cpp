#include "factsweep/train/trainee.hpp"

#include <string>

namespace factsweep {

Trainee Trainee::full(const Weights& base) {
  const auto copy = std::make_shared<Weights>(base.clone(base.embedding.scalar_type(), true));
  Trainee trainee;
  for (const torch::Tensor& parameter : copy->parameters())
    trainee.leaves.emplace_back(std::to_string(trainee.leaves.size()), parameter);
  trainee.model = [copy](bool) { return copy; };
  return trainee;
}

Trainee Trainee::lora(const Weights& base, const LoraAdapter& start) {
  const LoraAdapter adapter = start.clone(base.embedding.scalar_type(), true);
  Trainee trainee;
  trainee.leaves = adapter.parameters();
  trainee.settings = start.config().json(base.config);
  // Anew for each pass: biases of one tensor are joined in the pass's own graph. The base's weights
  // are shared, so this copies nothing.
  trainee.model = [base, adapter](bool training) {
    return std::make_shared<Weights>(with_adapters(base, {&adapter, 1}, training));
  };
  return trainee;
}

}  // namespace factsweep
