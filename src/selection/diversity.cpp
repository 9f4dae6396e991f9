// Gram matrices of all adapters at once, a module at a time.
//
// Shape legend: n adapters, r a rank, R ranks of all adapters together, i inputs, o outputs.
#include "factsweep/selection/diversity.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

struct Factors {
  Tensor A_ri, B_or;
};
using Modules = std::map<std::string, Factors>;  // of one adapter, by name

Modules modules_of(const LoraAdapter& adapter) {
  Modules modules;
  for (const LoraSlot& slot : adapter.slots()) {
    for (const LoraPart& part : slot.parts) {
      modules[part.module] = {slot.A.narrow(0, part.rank_first, part.rank).detach(),
                              part.B.detach()};
    }
  }
  return modules;
}

/// The modules of all adapters, each with a tensor of it.
using Union = std::map<std::string, Factors>;

/// Adds the modules of one more adapter. InputError: another adapter has one of another shape.
void join(Union& all, const Modules& modules, const std::string& name) {
  for (const auto& [module, factors] : modules) {
    const Factors& known = all.try_emplace(module, factors).first->second;
    if (factors.A_ri.size(1) == known.A_ri.size(1) && factors.B_or.size(0) == known.B_or.size(0))
      continue;
    throw InputError(fmt::format(
        "adapter {}: {} is {} x {}, and {} x {} in an adapter before it. Adapters of one bank have "
        "the same base model; leave one of them out.",
        name, module, factors.B_or.size(0), factors.A_ri.size(1), known.B_or.size(0),
        known.A_ri.size(1)));
  }
}

/// What an adapter lacks has no rank.
Factors factors_of(const Modules& modules, const std::string& module, const Factors& like) {
  const auto found = modules.find(module);
  return found != modules.end() ? found->second
                                : Factors{like.A_ri.narrow(0, 0, 0), like.B_or.narrow(1, 0, 0)};
}

bool same_ranks(const std::vector<Modules>& bank, const Union& all) {
  for (const Modules& modules : bank) {
    for (const auto& [module, like] : all) {
      if (factors_of(modules, module, like).A_ri.size(0) != like.A_ri.size(0)) return false;
    }
  }
  return true;
}

Tensor wide(const Tensor& tensor) {
  return tensor.to(torch::kFloat64);
}

/// 1 [n, n] where at least one of two adapters adapts the module.
Tensor either(const std::vector<Modules>& bank, const std::string& module) {
  std::vector<double> has;
  for (const Modules& modules : bank) has.push_back(modules.count(module) > 0 ? 1 : 0);
  const Tensor one = torch::tensor(has, torch::kFloat64);
  return torch::maximum(one.unsqueeze(0), one.unsqueeze(1));
}

/// Inner products [n, n] of each adapter's A (or B), flattened.
Tensor factor_gram(const std::vector<Modules>& bank, const std::string& module,
                   Tensor Factors::*factor) {
  std::vector<Tensor> rows;
  for (const Modules& modules : bank)
    rows.push_back(wide(modules.at(module).*factor).reshape({-1}));
  const Tensor flat = torch::stack(rows);
  return flat.matmul(flat.t());
}

/// Inner products [n, n] of the updates: <B A, B' A'> = sum over (r, r') of (B^T B') o (A A'^T).
Tensor product_gram(const std::vector<Modules>& bank, const std::string& module,
                    const Factors& like) {
  std::vector<Tensor> As, Bs;
  std::vector<std::int64_t> owners;
  for (const Modules& modules : bank) {
    const Factors factors = factors_of(modules, module, like);
    const auto rank = static_cast<std::size_t>(factors.A_ri.size(0));
    owners.insert(owners.end(), rank, static_cast<std::int64_t>(As.size()));
    As.push_back(wide(factors.A_ri));
    Bs.push_back(wide(factors.B_or));
  }
  const Tensor A_Ri = torch::cat(As), B_oR = torch::cat(Bs, 1);
  const Tensor terms_RR = A_Ri.matmul(A_Ri.t()) * B_oR.t().matmul(B_oR);
  const auto n = static_cast<std::int64_t>(bank.size());
  const Tensor owner_R = staged(owners, terms_RR.device());
  const Tensor rows_nR =
      torch::zeros({n, terms_RR.size(1)}, terms_RR.options()).index_add_(0, owner_R, terms_RR);
  return torch::zeros({n, n}, terms_RR.options()).index_add_(1, owner_R, rows_nR);
}

Tensor cosines(const Tensor& gram, bool absolute) {
  const Tensor length = gram.diagonal().clamp_min(0).sqrt();
  const Tensor scale = torch::where(length > 0, length.reciprocal(), torch::zeros_like(length));
  const Tensor cosine = gram * scale.unsqueeze(0) * scale.unsqueeze(1);
  return absolute ? cosine.abs() : cosine;
}

}  // namespace

AdapterSimilarity adapter_similarity(std::span<const LoraAdapter> adapters,
                                     std::span<const std::string> names,
                                     const DiversitySettings& settings,
                                     const std::function<void(double)>& step) {
  require(!adapters.empty() && adapters.size() == names.size(),
          "adapter_similarity: one name an adapter");
  torch::NoGradGuard no_grad;
  std::vector<Modules> bank;
  Union all;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    bank.push_back(modules_of(adapters[i]));
    join(all, bank.back(), names[i]);
  }
  AdapterSimilarity result{{}, settings.products || !same_ranks(bank, all)};
  const auto n = static_cast<std::int64_t>(bank.size());
  const Tensor total = torch::zeros({n, n}, torch::kFloat64), matrices = torch::zeros_like(total);
  const auto add = [&](const std::string& module, const Tensor& gram) {
    total.add_(cosines(gram, settings.absolute).cpu());
    matrices.add_(either(bank, module));
  };
  double done = 0;
  for (const auto& [module, factors] : all) {
    if (result.products) {
      add(module, product_gram(bank, module, factors));
    } else {
      add(module, factor_gram(bank, module, &Factors::A_ri));
      add(module, factor_gram(bank, module, &Factors::B_or));
    }
    step(++done / static_cast<double>(all.size()));
  }
  // symmetric to the last bit, whatever the matrix product does; of two adapters without a common
  // module the mean is 0
  const Tensor mean = ((total + total.t()) / (2.0 * matrices)).contiguous();
  result.cosine.assign(mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel());
  return result;
}

}  // namespace factsweep
