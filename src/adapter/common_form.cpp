// Adapters of different ranks, scales and targets, brought into one form.
#include <algorithm>
#include <map>
#include <utility>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

bool is_alike(const std::vector<LoraTarget>& one, const std::vector<LoraTarget>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const LoraTarget& a, const LoraTarget& b) {
                      return a.module.name == b.module.name && a.rank == b.rank &&
                             a.scale == b.scale;
                    });
}

}  // namespace

LoraConfig common_form(std::span<const LoraConfig> configs, const ModelConfig& base) {
  const std::string where = "adapters of one form";
  const LoraConfig& first = configs.front();
  const std::vector<LoraTarget> of_first = find_targets(first, base, where);
  bool alike = true;
  std::map<std::string, LoraTarget> all;
  for (const LoraConfig& config : configs) {
    require(config.bias == LoraBias::none, "common_form: an adapter with biases");
    std::vector<LoraTarget> targets = find_targets(config, base, where);
    alike = alike && is_alike(of_first, targets);
    for (LoraTarget& target : targets) {
      const auto [known, is_new] = all.try_emplace(target.module.name, target);
      if (is_new) continue;
      known->second.rank = std::max(known->second.rank, target.rank);
      if (known->second.scale == 0) known->second.scale = target.scale;
    }
  }
  if (alike) return first;
  LoraConfig form{.rank = 1, .dropout = first.dropout, .base_model = first.base_model};
  for (const auto& [name, target] : all) {
    form.rank = std::max(form.rank, target.rank);
    form.targets.names.push_back(name);
    form.rank_pattern.emplace_back(name, target.rank);
    form.alpha_pattern.emplace_back(name, target.scale * static_cast<double>(target.rank));
  }
  form.alpha = static_cast<double>(form.rank);
  return form;
}

LoraAdapter LoraAdapter::in_form(const LoraConfig& form) const {
  require(config_.bias == LoraBias::none && form.bias == LoraBias::none,
          "LoraAdapter::in_form: an adapter with biases");
  torch::NoGradGuard no_grad;
  Weights shapes;  // of the base, and where this adapter's tensors are
  shapes.config = base_;
  shapes.embedding = torch::empty({0}, slots_.front().A.options().requires_grad(false));
  LoraAdapter adapter = unfilled(form, shapes, find_targets(form, base_, "adapters of one form"));
  std::map<std::string, std::pair<const LoraSlot*, const LoraPart*>> left;
  for (const LoraSlot& slot : slots_) {
    for (const LoraPart& part : slot.parts) left[part.module] = {&slot, &part};
  }
  for (const LoraSlot& slot : adapter.slots_) {
    for (const LoraPart& part : slot.parts) {
      const auto found = left.extract(part.module);
      if (found.empty()) continue;
      const auto& [own_slot, own] = found.mapped();
      require(own->rank <= part.rank, "LoraAdapter::in_form: a form of a smaller rank");
      slot.A.narrow(0, part.rank_first, own->rank)
          .copy_(own_slot->A.narrow(0, own->rank_first, own->rank));
      const torch::Tensor B = part.B.narrow(1, 0, own->rank);
      B.copy_(own->B);
      if (own->scale != part.scale) B.mul_(own->scale / part.scale);
    }
  }
  require(left.empty(), "LoraAdapter::in_form: a form without a module of the adapter");
  return adapter;
}

}  // namespace factsweep
