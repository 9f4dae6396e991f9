#include "factsweep/adapter/weight_changes.hpp"

#include <algorithm>
#include <limits>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

torch::Tensor rows_of(const Weights& weights, std::int64_t layer, Slot slot,
                      const SlotModule& module) {
  return weights.layers[static_cast<std::size_t>(layer)].at(slot).weight.narrow(0, module.first,
                                                                                module.rows);
}

/// "model.layers.3.self_attn.q_proj" -> "self_attn.q_proj".
std::string module_in_layer(const std::string& module) {
  for (std::size_t dot = module.find('.'); dot != std::string::npos;
       dot = module.find('.', dot + 1)) {
    const std::size_t end = module.find_first_not_of("0123456789", dot + 1);
    if (end != dot + 1 && end != std::string::npos && module[end] == '.')
      return module.substr(end + 1);
  }
  throw BugError("a module without the number of its layer: " + module);
}

}  // namespace

Matrices Matrices::of(std::span<const ModelConfig> models) {
  Matrices all;
  for (const ModelConfig& model : models) {
    all.layers = std::max(all.layers, static_cast<std::size_t>(model.layers));
    for (const Slot slot : {Slot::qkv, Slot::output, Slot::up, Slot::down}) {
      for (const SlotModule& module : slot_modules(model, 0, slot)) {
        const std::string name = module_in_layer(module.name);
        if (std::find(all.modules.begin(), all.modules.end(), name) == all.modules.end())
          all.modules.push_back(name);
      }
    }
  }
  return all;
}

WeightChange difference_of(const Weights& before, const Weights& after) {
  return [before, after](std::int64_t layer, Slot slot, const SlotModule& module) {
    return rows_of(after, layer, slot, module) - rows_of(before, layer, slot, module);
  };
}

WeightChange product_of(const LoraAdapter& adapter) {
  return [adapter](std::int64_t layer, Slot slot, const SlotModule& module) {
    for (const LoraSlot& adapted : adapter.slots()) {
      if (adapted.layer != layer || adapted.slot != slot) continue;
      for (const LoraPart& part : adapted.parts) {
        if (part.module != module.name) continue;
        return torch::mm(part.B.to(torch::kFloat32),
                         adapted.A.narrow(0, part.rank_first, part.rank).to(torch::kFloat32)) *
               part.scale;
      }
    }
    return torch::Tensor();
  };
}

WeightChange whole_change(const WeightTerm& term, const Weights& like) {
  if (term.adapter) return product_of(*term.adapter);
  const Weights values = like.clone(torch::kFloat32);
  torch::NoGradGuard no_grad;
  for (const auto& [name, view] : values.named()) view.copy_(term.delta(name, view.sizes()));
  return [values](std::int64_t layer, Slot slot, const SlotModule& module) {
    return rows_of(values, layer, slot, module);
  };
}

WeightChange scaled_change(const WeightChange& whole, const WeightTerm& term) {
  return [whole, range = term.range, factor = term.factor](std::int64_t layer, Slot slot,
                                                           const SlotModule& module) {
    const torch::Tensor part = range.holds(layer) ? whole(layer, slot, module) : torch::Tensor();
    return part.defined() ? part * factor : part;
  };
}

ChangeTable tabulate(const ModelConfig& model, const Matrices& matrices, const WeightChange& change,
                     const WeightChange& other) {
  torch::NoGradGuard no_grad;
  const std::vector<std::string>& modules = matrices.modules;
  const std::vector<float> none(matrices.layers * modules.size(),
                                std::numeric_limits<float>::quiet_NaN());
  ChangeTable table{none, none};
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (const Slot slot : {Slot::qkv, Slot::output, Slot::up, Slot::down}) {
      for (const SlotModule& module : slot_modules(model, layer, slot)) {
        const auto found = std::find(modules.begin(), modules.end(), module_in_layer(module.name));
        const std::size_t at = static_cast<std::size_t>(layer) * modules.size() +
                               static_cast<std::size_t>(found - modules.begin());
        const torch::Tensor a = change(layer, slot, module);
        table.norm[at] = a.defined() ? a.norm().item<float>() : 0;
        const torch::Tensor b = a.defined() && other ? other(layer, slot, module) : torch::Tensor();
        if (!b.defined()) continue;
        const float length = table.norm[at] * b.norm().item<float>();
        if (length > 0) table.cosine[at] = (a * b).sum().item<float>() / length;
      }
    }
  }
  return table;
}

}  // namespace factsweep
