#include "factsweep/studies/support/weight_outputs.hpp"

#include <algorithm>

#include "factsweep/model/fingerprint.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/studies/support/training_options.hpp"

namespace factsweep {

BaseModel BaseModel::of(const std::string& directory) {
  return {directory, weights_fingerprint(directory)};
}

std::map<std::string, std::string> BaseModel::about() const {
  // always as long: a file is also resumed where the model lies elsewhere
  constexpr std::size_t kPathBytes = 1024;
  std::string path = directory;
  path.resize(std::max(path.size(), kPathBytes));
  return {{kBaseModel, path}, {kBaseFingerprint, fingerprint}};
}

void place_weights(PlanBuilder& builder, Upstream stage, const std::vector<std::string>& when,
                   const ModelConfig& model, const std::optional<LoraConfig>& lora,
                   const std::string& long_name, const BaseModel& base) {
  if (when.empty()) return;
  const Deck& deck = builder.deck();
  WeightGroup group{.name = lora ? "lora" : "full", .about = base.about(), .outputs = {}};
  if (lora) group.about[kAdapterConfig] = lora->json(model);
  const auto tensors = lora ? adapter_shapes(*lora, model, lora_place(deck)) : tensor_shapes(model);
  for (const std::string& time : when) {
    for (const auto& [name, shape] : tensors)
      group.outputs.push_back({.path = time + "/" + name,
                               .dtype = delta_dtype(deck),
                               .shape = {shape.begin(), shape.end()},
                               .long_name = lora ? "tensor of the LoRA adapter" : long_name});
  }
  builder.place_weights(stage, group);
}

TakeTensor weight_outputs(StageRun& run, const std::string& when) {
  const DType dtype = delta_dtype(run.deck());
  return [&run, when, dtype](const std::string& name, const torch::Tensor& tensor) {
    run.emit(when + "/" + name, to_array(tensor, dtype));
  };
}

}  // namespace factsweep
