#include "factsweep/adapter/peft_names.hpp"

#include <fmt/format.h>

namespace factsweep {
namespace {

constexpr std::string_view kRoot = "base_model.model.";  // PEFT's wrapper around the model
constexpr std::string_view kWrapper = ".base_layer", kBias = ".bias";
constexpr std::string_view kFactor = ".lora_", kWeight = ".weight";

}  // namespace

std::string LoraTensor::name() const {
  return fmt::format("{}{}{}{}{}", kRoot, module, kFactor, factor, kWeight);
}

std::optional<LoraTensor> LoraTensor::parse(std::string_view name) {
  for (const char factor : {'A', 'B'}) {
    const std::string end = fmt::format("{}{}{}", kFactor, factor, kWeight);
    if (!name.starts_with(kRoot) || !name.ends_with(end)) continue;
    return LoraTensor{
        std::string(name.substr(kRoot.size(), name.size() - kRoot.size() - end.size())), factor};
  }
  return std::nullopt;
}

std::string saved_tensor(const std::string& tensor) {
  return std::string(kRoot) + tensor;
}

std::string bias_tensor(const std::string& module, bool is_adapted) {
  return fmt::format("{}{}{}{}", kRoot, module, is_adapted ? kWrapper : "", kBias);
}

std::optional<std::string> early_bias_tensor(const std::string& name) {
  const std::size_t wrapper = name.rfind(fmt::format("{}{}", kWrapper, kBias));
  if (wrapper == std::string::npos) return std::nullopt;
  return name.substr(0, wrapper) + std::string(kBias);
}

}  // namespace factsweep
