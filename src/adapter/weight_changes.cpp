#include "factsweep/adapter/weight_changes.hpp"

#include <algorithm>
#include <limits>

#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

torch::Tensor rows_of(const Weights& weights, const LinearModule& module) {
  return weights.layers[static_cast<std::size_t>(module.layer)]
      .linears[module.linear]
      .weight.narrow(0, module.first, module.rows);
}

}  // namespace

Matrices Matrices::of(std::span<const ModelConfig> models) {
  Matrices all;
  for (const ModelConfig& model : models) {
    all.layers = std::max(all.layers, static_cast<std::size_t>(model.layers));
    for (std::int64_t layer = 0; layer < model.layers; ++layer) {
      for (const LinearModule& module : linear_modules(model, layer)) {
        const std::string& name = module.in_layer;
        if (std::find(all.modules.begin(), all.modules.end(), name) == all.modules.end())
          all.modules.push_back(name);
      }
    }
  }
  return all;
}

WeightChange difference_of(const Weights& before, const Weights& after) {
  return [before, after](const LinearModule& module) {
    return rows_of(after, module) - rows_of(before, module);
  };
}

WeightChange product_of(const LoraAdapter& adapter) {
  return [adapter](const LinearModule& module) {
    for (const LoraSlot& adapted : adapter.slots()) {
      if (adapted.layer != module.layer || adapted.linear != module.linear) continue;
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
  return [values](const LinearModule& module) { return rows_of(values, module); };
}

WeightChange scaled_change(const WeightChange& whole, const WeightTerm& term) {
  return [whole, range = term.range, factor = term.factor](const LinearModule& module) {
    const torch::Tensor part = range.holds(module.layer) ? whole(module) : torch::Tensor();
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
    for (const LinearModule& module : linear_modules(model, layer)) {
      const auto found = std::find(modules.begin(), modules.end(), module.in_layer);
      const std::size_t at = static_cast<std::size_t>(layer) * modules.size() +
                             static_cast<std::size_t>(found - modules.begin());
      const torch::Tensor a = change(module);
      table.norm[at] = a.defined() ? a.norm().item<float>() : 0;
      const torch::Tensor b = a.defined() && other ? other(module) : torch::Tensor();
      if (!b.defined()) continue;
      const float length = table.norm[at] * b.norm().item<float>();
      if (length > 0) table.cosine[at] = (a * b).sum().item<float>() / length;
    }
  }
  return table;
}

}  // namespace factsweep
