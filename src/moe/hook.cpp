// The experts at work: one product with A of all experts of a linear, each expert's share of it
// weighed by its gate (zero where not chosen), then one product with the experts' B of each module.
// No loop over experts, and the base is computed once.
#include <fmt/format.h>

#include <map>
#include <utility>

#include "factsweep/adapter/low_rank.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"
#include "factsweep/moe/moe.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

class MoeHook : public LinearHook {
 public:
  MoeHook(const MoeAdapter& moe, const MoePass& pass)
      : experts_(moe.experts()),
        routing_(moe.routing()),
        top_k_(moe.top_k()),
        dropout_(moe.dropout()),
        pass_(pass) {
    std::int64_t modules = 0;
    for (const MoeSlot& slot : moe.slots()) {
      slots_.try_emplace({slot.layer, slot.linear}, slot, modules);
      modules += static_cast<std::int64_t>(slot.parts.size());
    }
  }

  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    const auto found = slots_.find({layer, linear});
    if (found == slots_.end()) return y;
    const auto& [slot, first_module] = found->second;
    const Tensor gates_NG = gates(slot, first_module, x) * slot.gate_scales;
    // a product with zeros and ones copies gates exactly; the gradient of index_select would add
    // them up in no fixed order on a GPU
    const Tensor weights_NR = gates_NG.to(x.scalar_type()).mm(slot.spread);
    const Tensor h_NR = products(slot, x) * weights_NR;
    std::vector<LowRankTerm> terms;
    for (const MoePart& part : slot.parts) {
      terms.push_back({h_NR.narrow(1, part.rank_first, part.B.size(1)), part.B, 0, part.first,
                       part.common_scale()});
    }
    return add_low_rank(y, terms);
  }

 private:
  /// p of the chosen experts, zero of the others: [N, P X] float32. The softmax over the top k is
  /// the renormalised one over all.
  Tensor gates(const MoeSlot& slot, std::int64_t first_module, const Tensor& x) const {
    const auto parts = static_cast<std::int64_t>(slot.parts.size());
    const Tensor routed_NPX =
        at::linear(x.to(torch::kFloat32), slot.router).view({-1, parts, experts_});
    const Tensor logits_NPX = routing_ == Routing::arrow ? routed_NPX.abs() : routed_NPX;
    const auto [best_NPk, chosen_NPk] = torch::topk(logits_NPX, top_k_, -1);
    if (pass_.picks.defined()) count(chosen_NPk, first_module);
    if (pass_.balance != nullptr) pass_.balance->push_back(balance(logits_NPX, chosen_NPk));
    return torch::zeros_like(logits_NPX)
        .scatter(-1, chosen_NPk, best_NPk.softmax(-1))
        .view({-1, parts * experts_});
  }

  /// How many rows chose each expert, int64 [P, X]. Nothing here waits for a GPU, as bincount
  /// would.
  Tensor picks(const Tensor& chosen_NPk) const {
    return torch::zeros({chosen_NPk.size(0), chosen_NPk.size(1), experts_}, chosen_NPk.options())
        .scatter_(-1, chosen_NPk, 1)
        .sum(0);
  }

  void count(const Tensor& chosen_NPk, std::int64_t first_module) const {
    pass_.picks.narrow(0, first_module, chosen_NPk.size(1)).add_(picks(chosen_NPk));
  }

  /// The sum over the linear's modules.
  Tensor balance(const Tensor& logits_NPX, const Tensor& chosen_NPk) const {
    const double rows = static_cast<double>(logits_NPX.size(0) * top_k_);
    const Tensor share_PX = picks(chosen_NPk).to(torch::kFloat32) / rows;
    return (share_PX * logits_NPX.softmax(-1).mean(0)).sum() * static_cast<double>(experts_);
  }

  /// x A^T of all experts, [N, R of all parts]. Each module has a mask of its own, as in a plain
  /// adapter.
  Tensor products(const MoeSlot& slot, const Tensor& x) const {
    if (pass_.masks == nullptr || dropout_ == 0) return at::linear(x, slot.A);
    std::vector<Tensor> parts;
    for (const MoePart& part : slot.parts) {
      parts.push_back(at::linear(pass_.masks->drop(x, dropout_, hash_text(part.module)),
                                 slot.A.narrow(0, part.rank_first, part.B.size(1))));
    }
    return torch::cat(parts, 1);
  }

  /// By layer and linear: a slot, and where its modules begin among all of the adapter's.
  std::map<std::pair<std::int64_t, LinearId>, std::pair<MoeSlot, std::int64_t>> slots_;
  const std::int64_t experts_;
  const Routing routing_;
  const std::int64_t top_k_;
  const double dropout_;
  const MoePass pass_;
};

}  // namespace

Weights with_experts(const Weights& base, const MoeAdapter& moe, const MoePass& pass) {
  require(base.adapter == nullptr, "with_experts: the model has adapters already");
  require(moe.dtype() == base.embedding.scalar_type(),
          "with_experts: experts and base have the same dtype");
  Weights routed = base;
  routed.adapter = std::make_shared<MoeHook>(moe, pass);
  return routed;
}

Trainee moe_trainee(const Weights& base, const MoeAdapter& start, double balance) {
  const MoeAdapter moe = start.clone(base.embedding.scalar_type(), true);
  const auto terms = balance > 0 ? std::make_shared<std::vector<Tensor>>() : nullptr;
  Trainee trainee;
  trainee.leaves = moe.parameters();
  trainee.settings = fmt::format("{} balance {}", moe.json(), balance);
  trainee.model = [=](const std::shared_ptr<const DropoutMasks>& masks) {
    if (terms != nullptr) terms->clear();
    return std::make_shared<Weights>(with_experts(
        base, moe, {.masks = masks, .balance = masks == nullptr ? nullptr : terms}));
  };
  if (terms != nullptr) {
    const double share = balance / static_cast<double>(moe.modules().size());
    trainee.penalty = [=] { return torch::stack(*terms).sum() * share; };
  }
  return trainee;
}

}  // namespace factsweep
