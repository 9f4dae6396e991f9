// Adapters of different ranks, scales and targets, brought into one form.
#include <algorithm>
#include <cmath>
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
    require(config.bias == LoraBias::none && config.saved.empty(),
            "common_form: an adapter with biases or saved modules");
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

Weights LoraAdapter::shapes() const {
  Weights shapes;
  shapes.config = base_;
  shapes.embedding = torch::empty({0}, slots_.front().A.options().requires_grad(false));
  return shapes;
}

LoraAdapter LoraAdapter::in_form(const LoraConfig& form) const {
  require(config_.bias == LoraBias::none && form.bias == LoraBias::none && !saved_.names.any(),
          "LoraAdapter::in_form: an adapter with biases or saved modules");
  torch::NoGradGuard no_grad;
  LoraAdapter adapter = unfilled(form, shapes(), find_targets(form, base_, "adapters of one form"));
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

LoraConfig stacked_form(const LoraConfig& form, std::int64_t count) {
  LoraConfig larger = form;
  const auto times = static_cast<double>(count), factor = form.rslora ? std::sqrt(times) : times;
  larger.rank *= count;
  larger.alpha *= factor;
  for (auto& [pattern, rank] : larger.rank_pattern) rank *= count;
  for (auto& [pattern, alpha] : larger.alpha_pattern) alpha *= factor;
  return larger;
}

LoraAdapter stacked(std::span<const LoraAdapter> adapters, std::span<const double> weights) {
  require(!adapters.empty() && adapters.size() == weights.size(),
          "stacked: adapters, and a weight of each");
  torch::NoGradGuard no_grad;
  const LoraAdapter& first = adapters.front();
  const LoraConfig form =
      stacked_form(first.config_, static_cast<std::int64_t>(adapters.size()));
  LoraAdapter sum = LoraAdapter::unfilled(form, first.shapes(),
                                          find_targets(form, first.base_, "adapters of one form"));
  for (std::size_t s = 0; s < sum.slots_.size(); ++s) {
    for (std::size_t p = 0; p < sum.slots_[s].parts.size(); ++p) {
      const LoraPart& whole = sum.slots_[s].parts[p];
      for (std::size_t i = 0; i < adapters.size(); ++i) {
        const LoraSlot& slot = adapters[i].slots_.at(s);
        const LoraPart& part = slot.parts.at(p);
        require(part.module == whole.module && part.rank * std::ssize(adapters) == whole.rank,
                "stacked: an adapter of another form");
        const std::int64_t row = static_cast<std::int64_t>(i) * part.rank;
        sum.slots_[s].A.narrow(0, whole.rank_first + row, part.rank)
            .copy_(slot.A.narrow(0, part.rank_first, part.rank));
        torch::Tensor B = whole.B.narrow(1, row, part.rank);
        B.copy_(part.B).mul_(weights[i]);
      }
    }
  }
  return sum;
}

}  // namespace factsweep
