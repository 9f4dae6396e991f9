// The experts at work: one product with A of all experts of a linear, each expert's share of it
// weighed by its gate (zero where not chosen), then one product with the experts' B of each module.
// No loop over experts, and the base is computed once.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "factsweep/adapter/low_rank.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"
#include "factsweep/moe/moe.hpp"
#include "text_rows.hpp"

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
      slots_.try_emplace({slot.layer, slot.linear}, Place{slot, slots_.size(), modules});
      modules += static_cast<std::int64_t>(slot.parts.size());
    }
    if (routing_ != Routing::merged || pass_.masks == nullptr) return;
    std::vector<std::int64_t> tokens;
    for (const DropoutMasks::Text& text : pass_.masks->texts()) tokens.push_back(text.tokens);
    texts_.emplace(tokens, pass_.masks->rows(), moe.slots().front().A.device());
  }

  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    const auto found = slots_.find({layer, linear});
    if (found == slots_.end()) return y;
    const MoeSlot& slot = found->second.slot;
    const Tensor gates_NG = gates(found->second, x) * slot.gate_scales;
    // a product with zeros and ones copies gates exactly; the gradient of index_select would add
    // them up in no fixed order on a GPU
    const Tensor weights_NR = gates_NG.to(x.scalar_type()).mm(slot.spread);
    const Tensor h_NR = products(slot, x) * weights_NR;
    std::vector<LowRankTerm> terms;
    for (const MoePart& part : slot.parts) {
      const auto of_part = [&](const Tensor& all_NR) {
        return all_NR.narrow(1, part.rank_first, part.B.size(1));
      };
      const Tensor h =
          routing_ == Routing::merged ? merged(of_part(h_NR)) * of_part(weights_NR) : of_part(h_NR);
      terms.push_back({h, part.B, 0, part.first, part.common_scale()});
    }
    return add_low_rank(y, terms);
  }

 private:
  struct Place {
    MoeSlot slot;
    std::size_t index;          // among the adapter's slots
    std::int64_t first_module;  // of its modules, among all of the adapter's
  };

  /// How much each expert counts for each row: [N, P X] float32.
  Tensor gates(const Place& place, const Tensor& x) const {
    if (routing_ == Routing::merged) return merging(place, x);
    const Tensor routed_NG = at::linear(router_input(x), place.slot.router);
    return routing_ == Routing::gate ? routed_NG.sigmoid() : chosen(place, routed_NG);
  }

  Tensor router_input(const Tensor& x) const {
    const Tensor x32 = x.to(torch::kFloat32);
    if (routing_ != Routing::gates) return x32;
    const Tensor centred = x32 - x32.mean(-1, true);
    return centred / (centred.square().mean(-1, true).sqrt() + kLeastDeviation);
  }

  /// p of the chosen experts, zero of the others. The softmax over the top k is the renormalised
  /// one over all.
  Tensor chosen(const Place& place, const Tensor& routed_NG) const {
    const auto parts = static_cast<std::int64_t>(place.slot.parts.size());
    const Tensor routed_NPX = routed_NG.view({-1, parts, experts_});
    const Tensor logits_NPX = routing_ == Routing::arrow ? routed_NPX.abs() : routed_NPX;
    const auto [best_NPk, chosen_NPk] = torch::topk(logits_NPX, top_k_, -1);
    if (pass_.picks.defined()) count(chosen_NPk, place.first_module);
    if (pass_.balance != nullptr) pass_.balance->push_back(balance(logits_NPX, chosen_NPk));
    return torch::zeros_like(logits_NPX)
        .scatter(-1, chosen_NPk, best_NPk.softmax(-1))
        .view({-1, parts * experts_});
  }

  /// Each text's weights, in all of its rows.
  Tensor merging(const Place& place, const Tensor& x) const {
    const auto weights = [&](const Tensor& mean_BD) {
      const auto parts = static_cast<std::int64_t>(place.slot.parts.size());
      return at::linear(mean_BD, place.slot.router)
          .view({-1, parts, experts_})
          .softmax(-1)
          .view({-1, parts * experts_});
    };
    if (texts_) {
      const TextRows::Of& rows = texts_->of(x.size(0));
      return rows.text_NB.mm(weights(rows.prompt_BN.mm(x.to(torch::kFloat32))));
    }
    Tensor& own = pass_.merging->at(place.index);
    if (!own.defined()) own = weights(x.to(torch::kFloat32).mean(0, true));
    return own.expand({x.size(0), -1});
  }

  /// x A^T of the merged expert, beside each other for all of its B: the sum over the experts of
  /// the weighted products, whose ranks are alike.
  Tensor merged(const Tensor& h_NR) const {
    return h_NR.view({h_NR.size(0), experts_, -1}).sum(1).repeat({1, experts_});
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

  static constexpr double kLeastDeviation = 1e-8;

  std::map<std::pair<std::int64_t, LinearId>, Place> slots_;  // by layer and linear
  const std::int64_t experts_;
  const Routing routing_;
  const std::int64_t top_k_;
  const double dropout_;
  const MoePass pass_;
  std::optional<TextRows> texts_;  // of a training pass with merged experts
};

}  // namespace

Weights with_experts(const Weights& base, const MoeAdapter& moe, const MoePass& pass) {
  require(base.adapter == nullptr, "with_experts: the model has adapters already");
  require(moe.dtype() == base.embedding.scalar_type(),
          "with_experts: experts and base have the same dtype");
  if (moe.routing() == Routing::merged && pass.masks == nullptr && pass.merging == nullptr)
    throw InputError(
        "the mixture's experts are merged anew for each prompt (routing = merged), so no one model "
        "serves many. Only the K-shot study's own test does that; bring a mixture of another "
        "routing.");
  Weights routed = base;
  routed.adapter = std::make_shared<MoeHook>(moe, pass);
  return routed;
}

Weights merged_for(const Weights& base, const MoeAdapter& moe,
                   const std::vector<std::int32_t>& prompt, Tensor* weights) {
  torch::NoGradGuard no_grad;
  const auto merging = std::make_shared<std::vector<Tensor>>(moe.slots().size());
  Weights routed = with_experts(base, moe, {.merging = merging});
  const torch::Device device = base.embedding.device();
  const std::int64_t start = 0, last = static_cast<std::int64_t>(prompt.size()) - 1;
  const PackedTokens packed =
      PackedTokens::pack({&prompt, 1}, {&start, 1}, device, {std::span(&last, 1)});
  hidden_states(routed, packed, {.rows_R = packed.lists[0]});
  if (weights != nullptr) *weights = torch::cat(*merging, 1).view({-1, moe.experts()});
  return routed;
}

Trainee moe_trainee(const Weights& base, const MoeAdapter& start, double balance) {
  require(balance == 0 || start.routing() != Routing::merged, "merged experts have no balance");
  const MoeAdapter moe = start.clone(base.embedding.scalar_type(), true);
  const auto terms = balance > 0 ? std::make_shared<std::vector<Tensor>>() : nullptr;
  Trainee trainee;
  trainee.leaves = moe.parameters();
  trainee.settings = fmt::format("{} balance {}", moe.json(), balance);
  trainee.model = [=](const std::shared_ptr<const DropoutMasks>& masks) {
    if (terms != nullptr) terms->clear();
    return std::make_shared<Weights>(
        with_experts(base, moe, {.masks = masks, .balance = masks == nullptr ? nullptr : terms}));
  };
  if (terms != nullptr) {
    const double share = balance / static_cast<double>(moe.modules().size());
    trainee.penalty = [=] { return torch::stack(*terms).sum() * share; };
  }
  return trainee;
}

}  // namespace factsweep
