#include "changes.hpp"

#include <algorithm>
#include <limits>

#include "datasets.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep::flearning {
namespace {

torch::Tensor rows_of(const Weights& weights, const LinearModule& module) {
  return weights.layers[static_cast<std::size_t>(module.layer)]
      .linears[module.linear]
      .weight.narrow(0, module.first, module.rows);
}

}  // namespace

Change difference(const Weights& before, const Weights& after) {
  return [before, after](const LinearModule& module) {
    return rows_of(after, module) - rows_of(before, module);
  };
}

Change values_of(const Weights& delta) {
  return [delta](const LinearModule& module) { return rows_of(delta, module); };
}

Change product(const LoraAdapter& adapter) {
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

ChangeTable tabulate(const ModelConfig& model, const std::vector<std::string>& modules,
                     std::size_t layers, const Change& change, const Change& other) {
  torch::NoGradGuard no_grad;
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  ChangeTable table{std::vector<float>(layers * modules.size(), kNone),
                    std::vector<float>(layers * modules.size(), kNone)};
  for (std::int64_t layer = 0; layer < model.layers; ++layer) {
    for (const LinearModule& module : linear_modules(model, layer)) {
      const auto column = std::find(modules.begin(), modules.end(), module.in_layer);
      const std::size_t at = static_cast<std::size_t>(layer) * modules.size() +
                             static_cast<std::size_t>(column - modules.begin());
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

}  // namespace factsweep::flearning
