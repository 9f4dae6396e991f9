// Gram matrices of all adapters at once, a module at a time.
//
// Shape legend: n adapters, r a rank, R ranks of all adapters together, i inputs, o outputs.
#include "factsweep/selection/diversity.hpp"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "factsweep/core/error.hpp"
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

void check_same_targets(const Modules& first, const Modules& other, const std::string& first_name,
                        const std::string& other_name) {
  const auto lacks = [](const std::string& lacking, const std::string& having,
                        const std::string& module) {
    return InputError(
        fmt::format("adapters {} and {}: only {} adapts {}. Adapters of one bank have the same "
                    "target modules; leave one of them out.",
                    lacking, having, having, module));
  };
  for (const auto& [module, factors] : first) {
    const auto found = other.find(module);
    if (found == other.end()) throw lacks(other_name, first_name, module);
    const Factors& theirs = found->second;
    if (factors.A_ri.size(1) != theirs.A_ri.size(1) ||
        factors.B_or.size(0) != theirs.B_or.size(0)) {
      throw InputError(fmt::format(
          "adapters {} and {}: {} is {} x {} in the first and {} x {} in the second. Adapters of "
          "one bank have the same base model; leave one of them out.",
          first_name, other_name, module, factors.B_or.size(0), factors.A_ri.size(1),
          theirs.B_or.size(0), theirs.A_ri.size(1)));
    }
  }
  for (const auto& [module, factors] : other) {
    if (first.count(module) == 0) throw lacks(first_name, other_name, module);
  }
}

bool same_ranks(const std::vector<Modules>& bank) {
  for (const Modules& modules : bank) {
    for (const auto& [module, factors] : modules) {
      if (factors.A_ri.size(0) != bank.front().at(module).A_ri.size(0)) return false;
    }
  }
  return true;
}

Tensor wide(const Tensor& tensor) {
  return tensor.to(torch::kFloat64);
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
Tensor product_gram(const std::vector<Modules>& bank, const std::string& module) {
  std::vector<Tensor> As, Bs;
  std::vector<std::int64_t> ranks;
  for (const Modules& modules : bank) {
    const Factors& factors = modules.at(module);
    As.push_back(wide(factors.A_ri));
    Bs.push_back(wide(factors.B_or));
    ranks.push_back(factors.A_ri.size(0));
  }
  const Tensor A_Ri = torch::cat(As), B_oR = torch::cat(Bs, 1);
  const Tensor terms_RR = A_Ri.matmul(A_Ri.t()) * B_oR.t().matmul(B_oR);
  const auto n = static_cast<std::int64_t>(bank.size());
  const Tensor owner_R = torch::repeat_interleave(torch::tensor(ranks)).to(terms_RR.device());
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
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    bank.push_back(modules_of(adapters[i]));
    check_same_targets(bank.front(), bank.back(), names.front(), names[i]);
  }
  AdapterSimilarity result{{}, settings.products || !same_ranks(bank)};
  Tensor total;
  std::int64_t matrices = 0;
  const auto add = [&](const Tensor& gram) {
    const Tensor cosine = cosines(gram, settings.absolute).cpu();
    total = total.defined() ? total + cosine : cosine;
    ++matrices;
  };
  double done = 0;
  for (const auto& [module, factors] : bank.front()) {
    if (result.products) {
      add(product_gram(bank, module));
    } else {
      add(factor_gram(bank, module, &Factors::A_ri));
      add(factor_gram(bank, module, &Factors::B_or));
    }
    step(++done / static_cast<double>(bank.front().size()));
  }
  // symmetric to the last bit, whatever the matrix product does
  const Tensor mean = ((total + total.t()) / (2.0 * static_cast<double>(matrices))).contiguous();
  result.cosine.assign(mean.data_ptr<double>(), mean.data_ptr<double>() + mean.numel());
  return result;
}

}  // namespace factsweep
