#include "factsweep/studies/support/trained_part.hpp"

#include <functional>
#include <map>
#include <numeric>

#include "factsweep/adapter/lora.hpp"

namespace factsweep {

double elements_of(const NamedShapes& tensors) {
  double elements = 0;
  for (const auto& [name, shape] : tensors) {
    elements += static_cast<double>(
        std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
  }
  return elements;
}

TrainedPart::TrainedPart(const ModelConfig& model, const std::optional<LoraConfig>& adapter,
                         const std::string& where)
    : lora(adapter),
      tensors(lora ? adapter_shapes(*lora, model, where) : tensor_shapes(model)),
      elements(elements_of(tensors)) {
  const auto width = static_cast<double>(model.width);
  if (!lora) {
    attention_inputs = width + static_cast<double>(model.heads * model.head_size);
    mlp_inputs = width + model.active_mlp_width();
    return;
  }
  targets = find_targets(*lora, model, where);
  std::map<LinearId, double> inputs;
  for (const LoraTarget& target : targets) {
    if (target.module.layer != targets.front().module.layer) break;
    const auto more = static_cast<double>(target.module.inputs);
    double& kept = inputs[target.module.linear];
    kept = lora->dropout > 0 ? kept + more : more;
  }
  for (const auto& [linear, more] : inputs)
    (linear == dense::qkv || linear == dense::output ? attention_inputs : mlp_inputs) += more;
}

}  // namespace factsweep
