#include "expert_slots.hpp"

#include <fmt/format.h>

#include <map>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr Slot kSlots[] = {Slot::qkv, Slot::output, Slot::up, Slot::down};

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
  slot.spread =
      torch::one_hot(torch::tensor(gate_of_rank), slot.router.size(0)).t().contiguous().to(options);
  slot.gate_scales = torch::tensor(scales).to(options.device());
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
  static constexpr std::string_view kRoot = "base_model.model.", kEnd = ".lora_A.weight";
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> shapes;
  for (const auto& [name, shape] : adapter) {
    const bool is_A = name.ends_with(kEnd);
    const std::string module = name.substr(kRoot.size(), name.size() - kRoot.size() - kEnd.size());
    if (is_A) shapes.emplace_back(router_tensor(module), std::vector{experts, shape.at(1)});
    for (std::size_t i = 0; i < static_cast<std::size_t>(experts); ++i)
      shapes.emplace_back(expert_tensor(module, i, is_A ? 'A' : 'B'), shape);
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
  for (std::int64_t layer = 0; layer < base.config.layers; ++layer) {
    for (const Slot place : kSlots) {
      MoeSlot slot{layer, place, {}, {}, {}, {}, {}};
      std::int64_t inputs = 0, ranks = 0;
      for (const SlotModule& module : slot_modules(base.config, layer, place)) {
        const auto found = left.extract(module.name);
        if (found.empty()) continue;
        const ExpertModule& experts = *found.mapped();
        const std::int64_t own =
            std::accumulate(experts.ranks.begin(), experts.ranks.end(), std::int64_t{0});
        slot.parts.push_back({module.name, module.first, module.rows, ranks, experts.ranks,
                              experts.scales, torch::zeros({module.rows, own}, options)});
        inputs = module.inputs;
        ranks += own;
      }
      if (slot.parts.empty()) continue;
      complete(slot, inputs, options);
      slots.push_back(std::move(slot));
    }
  }
  if (!left.empty()) {
    throw InputError(
        fmt::format("{}: '{}' is no linear of {} with {} layers. Were the experts "
                    "made for another model?",
                    where, left.begin()->first, base.config.architecture, base.config.layers));
  }
  return slots;
}

}  // namespace factsweep
