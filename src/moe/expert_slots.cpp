#include "expert_slots.hpp"

#include <fmt/format.h>

#include <map>
#include <numeric>
#include <optional>

#include "factsweep/adapter/peft_names.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

/// Fills in what follows from the parts.
void complete(MoeSlot& slot, std::int64_t inputs, const torch::TensorOptions& options) {
  std::vector<std::int64_t> gate_of_rank;
  std::vector<float> scales;
  for (const MoePart& part : slot.parts) {
    for (std::size_t i = 0; i < part.ranks.size(); ++i) {
      gate_of_rank.insert(gate_of_rank.end(), static_cast<std::size_t>(part.ranks[i]),
                          static_cast<std::int64_t>(scales.size()));
      scales.push_back(part.has_common_scale() ? 1 : static_cast<float>(part.scales[i]));
    }
  }
  slot.A = torch::zeros({static_cast<std::int64_t>(gate_of_rank.size()), inputs}, options);
  slot.router = torch::zeros({static_cast<std::int64_t>(scales.size()), inputs},
                             options.dtype(torch::kFloat32));
  slot.spread = torch::one_hot(staged(gate_of_rank, options.device()), slot.router.size(0))
                    .t()
                    .contiguous()
                    .to(options);
  slot.gate_scales = staged(scales, options.device());
}

}  // namespace

std::string router_tensor(const std::string& module) {
  return module + ".router.weight";
}

std::string expert_tensor(const std::string& module, std::size_t expert, char factor) {
  return fmt::format("{}.experts.{}.lora_{}.weight", module, expert, factor);
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> mixture_shapes(
    std::span<const std::pair<std::string, std::vector<std::int64_t>>> adapter,
    std::int64_t experts) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  for (const auto& [name, shape] : adapter) {
    const std::optional<LoraTensor> tensor = LoraTensor::parse(name);
    require(tensor.has_value(), "mixture_shapes: experts have no biases");
    if (tensor->factor == 'A')
      shapes.emplace_back(router_tensor(tensor->module), std::vector{experts, shape.at(1)});
    for (std::size_t i = 0; i < static_cast<std::size_t>(experts); ++i)
      shapes.emplace_back(expert_tensor(tensor->module, i, tensor->factor), shape);
  }
  return shapes;
}

std::vector<MoeSlot> expert_slots(const std::vector<ExpertModule>& modules, const Weights& base,
                                  const std::string& where) {
  torch::NoGradGuard no_grad;
  std::map<std::string, const ExpertModule*> left;
  for (const ExpertModule& module : modules) left.emplace(module.name, &module);
  const auto options = base.embedding.options().requires_grad(false);
  std::vector<MoeSlot> slots;
  std::vector<std::int64_t> inputs;
  for (std::int64_t layer = 0; layer < base.config.layers; ++layer) {
    std::int64_t ranks = 0;
    for (const LinearModule& module : linear_modules(base.config, layer)) {
      const auto found = left.extract(module.name);
      if (found.empty()) continue;
      const bool goes_on =
          !slots.empty() && slots.back().layer == layer && slots.back().linear == module.linear;
      if (!goes_on) {
        slots.push_back({layer, module.linear, {}, {}, {}, {}, {}});
        inputs.push_back(module.inputs);
        ranks = 0;
      }
      const ExpertModule& experts = *found.mapped();
      const std::int64_t own =
          std::accumulate(experts.ranks.begin(), experts.ranks.end(), std::int64_t{0});
      slots.back().parts.push_back({module.name, module.first, module.rows, ranks, experts.ranks,
                                    experts.scales, torch::zeros({module.rows, own}, options)});
      ranks += own;
    }
  }
  for (std::size_t i = 0; i < slots.size(); ++i) complete(slots[i], inputs[i], options);
  if (!left.empty()) {
    throw InputError(
        fmt::format("{}: '{}' is no linear of {} with {} layers. Were the experts "
                    "made for another model?",
                    where, left.begin()->first, base.config.architecture, base.config.layers));
  }
  return slots;
}

}  // namespace factsweep
