#include "factsweep/train/trainee.hpp"

#include <string>

#include "factsweep/core/error.hpp"

namespace factsweep {

Trainee Trainee::full(const Weights& base) {
  return full(base.clone(torch::kFloat32), base.embedding.scalar_type());
}

Trainee Trainee::full(const Weights& masters, torch::Dtype dtype) {
  require(masters.embedding.scalar_type() == torch::kFloat32, "masters are float32");
  const auto copy =
      std::make_shared<Weights>(dtype == torch::kFloat32 ? masters : masters.clone(dtype));
  Trainee trainee;
  trainee.masters = masters.parameters();
  trainee.named = [masters] { return masters.named(); };
  for (const torch::Tensor& parameter : copy->parameters())
    trainee.leaves.emplace_back(std::to_string(trainee.leaves.size()),
                                parameter.requires_grad_(true));
  trainee.model = [copy](const auto&) { return copy; };
  return trainee;
}

Trainee Trainee::lora(const Weights& base, const LoraAdapter& start) {
  const torch::Dtype dtype = base.embedding.scalar_type();
  const LoraAdapter adapter = start.clone(dtype, true);
  const LoraAdapter masters = dtype == torch::kFloat32 ? adapter : adapter.clone(torch::kFloat32);
  Trainee trainee;
  for (const auto& [name, tensor] : masters.parameters()) trainee.masters.push_back(tensor);
  trainee.named = [masters] { return masters.named(); };
  trainee.leaves = adapter.parameters();
  trainee.settings = start.config().json(base.config);
  // Anew for each pass: biases of one tensor are joined in the pass's own graph. The base's weights
  // are shared, so this copies nothing.
  trainee.model = [base, adapter](const std::shared_ptr<const DropoutMasks>& masks) {
    return std::make_shared<Weights>(with_adapters(base, {&adapter, 1}, masks));
  };
  return trainee;
}

}  // namespace factsweep
