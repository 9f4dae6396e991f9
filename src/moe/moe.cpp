#include "factsweep/moe/moe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "expert_slots.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "routing_rule.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

std::string slot_prefix(const MoeSlot& slot) {
  return fmt::format("{}.{}", slot.layer, slot.linear);
}

Tensor like(const Tensor& tensor, torch::Dtype dtype, bool requires_grad) {
  return torch::empty_like(tensor, tensor.options().dtype(dtype).requires_grad(false))
      .copy_(tensor)
      .set_requires_grad(requires_grad);
}

/// The parts of an adapter in the order of its modules, each with its slot.
std::vector<std::pair<const LoraSlot*, const LoraPart*>> parts_of(const LoraAdapter& adapter) {
  std::vector<std::pair<const LoraSlot*, const LoraPart*>> parts;
  for (const LoraSlot& slot : adapter.slots()) {
    for (const LoraPart& part : slot.parts) parts.emplace_back(&slot, &part);
  }
  return parts;
}

bool adapts(const LoraAdapter& adapter, const std::string& module) {
  const auto parts = parts_of(adapter);
  return std::any_of(parts.begin(), parts.end(),
                     [&](const auto& part) { return part.second->module == module; });
}

/// The first module that `one` adapts and `other` does not; empty: none.
std::string missing(const LoraAdapter& one, const LoraAdapter& other) {
  for (const auto& [slot, part] : parts_of(one)) {
    if (!adapts(other, part->module)) return part->module;
  }
  return "";
}

/// Merged experts are means of matrices, in the order of their ranks.
void check_alike(std::span<const MoeExpert> experts) {
  const auto of_first = parts_of(experts.front().adapter);
  for (const MoeExpert& expert : experts) {
    const auto parts = parts_of(expert.adapter);
    for (std::size_t m = 0; m < parts.size(); ++m) {
      const LoraPart &one = *of_first[m].second, &other = *parts[m].second;
      if (one.rank == other.rank && one.scale == other.scale) continue;
      throw InputError(fmt::format(
          "the experts' matrices are merged, which have to be of one rank and one scale: '{}' has "
          "rank {} and scale {} in {}, '{}' {} and {}.",
          experts.front().name, one.rank, one.scale, one.module, expert.name, other.rank,
          other.scale));
    }
  }
}

void check(std::span<const MoeExpert> experts, const MoeSettings& settings) {
  const auto count = static_cast<std::int64_t>(experts.size());
  if (experts.empty()) throw InputError("a mixture of experts needs at least one adapter.");
  if (settings.top_k < 1 || settings.top_k > count) {
    throw InputError(fmt::format("top_k = {} is outside [1, {}], the number of experts.",
                                 settings.top_k, count));
  }
  const MoeExpert& first = experts.front();
  for (const MoeExpert& expert : experts) {
    if (expert.adapter.config().bias != LoraBias::none) {
      throw InputError(fmt::format(
          "expert '{}' carries biases (bias = all or lora_only), which take the place of the base "
          "model's and cannot be mixed. Train it with bias = none.",
          expert.name));
    }
    const std::string more = missing(expert.adapter, first.adapter);
    const std::string less = missing(first.adapter, expert.adapter);
    if (more.empty() && less.empty()) continue;
    throw InputError(fmt::format(
        "the experts' targets clash: '{}' adapts {}, which '{}' does not. Experts of one mixture "
        "adapt the same modules; their ranks may differ.",
        more.empty() ? first.name : expert.name, more.empty() ? less : more,
        more.empty() ? expert.name : first.name));
  }
  if (settings.routing == Routing::merged) check_alike(experts);
}

/// The right singular vector of B A with the largest singular value, [in], float32; of either sign.
/// A^T = Q T is of full rank r, so B A = (B T^T) Q^T, whose vectors are those of [out, r] times Q.
Tensor arrow_prototype(const Tensor& A, const Tensor& B) {
  const auto [Q, T] = at::linalg_qr(A.to(torch::kFloat64).t());
  const Tensor right = std::get<2>(at::linalg_svd(B.to(torch::kFloat64).mm(T.t()), false));
  return Q.mv(right[0]).to(torch::kFloat32);
}

/// A row of Routing::gates, [in] float32: zero for a gate that tells no inputs apart.
Tensor standardised(const Tensor& gate) {
  const Tensor centred = gate.to(torch::kFloat64) - gate.to(torch::kFloat64).mean();
  const double norm = centred.norm().item<double>();  // sqrt(in) standard deviations
  return (norm > 0 ? centred / norm : centred).to(torch::kFloat32);
}

/// The learned router of one module, [X, in].
void fill_router(const Tensor& rows, std::uint64_t seed, const std::string& module) {
  const double bound = 1 / std::sqrt(static_cast<double>(rows.size(1)));
  CounterRandom random(hash_words({hash_text("router"), seed, hash_text(module)}));
  const Tensor values = torch::empty(rows.sizes(), torch::kFloat32);
  for (std::int64_t i = 0; i < values.numel(); ++i)
    values.data_ptr<float>()[i] = static_cast<float>((2 * random.uniform() - 1) * bound);
  rows.copy_(values);
}

}  // namespace

bool MoePart::has_common_scale() const {
  return std::all_of(scales.begin(), scales.end(),
                     [&](double scale) { return scale == scales.front(); });
}

MoeAdapter MoeAdapter::create(std::span<const MoeExpert> experts, const Weights& base,
                              const MoeSettings& settings) {
  check(experts, settings);
  std::vector<ExpertModule> modules;
  for (const auto& [slot, first] : parts_of(experts.front().adapter))
    modules.push_back({first->module, {}, {}});
  for (const MoeExpert& expert : experts) {
    const auto parts = parts_of(expert.adapter);
    for (std::size_t m = 0; m < modules.size(); ++m) {
      modules[m].ranks.push_back(parts[m].second->rank);
      modules[m].scales.push_back(parts[m].second->scale);
    }
  }
  MoeAdapter moe;
  for (const MoeExpert& expert : experts) moe.names_.push_back(expert.name);
  moe.routing_ = settings.routing;
  moe.top_k_ = settings.top_k;
  moe.dropout_ = settings.dropout;
  moe.slots_ = expert_slots(modules, base, experts.front().name);
  torch::NoGradGuard no_grad;
  std::map<std::string, Tensor> places;
  for (const auto& [name, tensor] : moe.named()) places.emplace(name, tensor);
  for (std::size_t i = 0; i < experts.size(); ++i) {
    for (const auto& [slot, part] : parts_of(experts[i].adapter)) {
      places.at(expert_tensor(part->module, i, 'A'))
          .copy_(slot->A.narrow(0, part->rank_first, part->rank));
      places.at(expert_tensor(part->module, i, 'B')).copy_(part->B);
    }
  }
  for (const std::string& module : moe.modules()) {
    const Tensor& router = places.at(router_tensor(module));
    if (settings.routing == Routing::learned || settings.routing == Routing::merged)
      fill_router(router, settings.seed, module);
    for (std::size_t i = 0; i < experts.size(); ++i) {
      const Tensor row = router[static_cast<std::int64_t>(i)];
      if (settings.routing == Routing::arrow)
        row.copy_(arrow_prototype(places.at(expert_tensor(module, i, 'A')),
                                  places.at(expert_tensor(module, i, 'B'))));
      if (settings.routing == Routing::gates) row.copy_(standardised(experts[i].gates.at(module)));
    }
  }
  return moe;
}

std::vector<std::string> MoeAdapter::modules() const {
  std::vector<std::string> list;
  for (const MoeSlot& slot : slots_) {
    for (const MoePart& part : slot.parts) list.push_back(part.module);
  }
  return list;
}

NamedTensors MoeAdapter::named() const {
  NamedTensors tensors;
  for (const MoeSlot& slot : slots_) {
    std::int64_t router_first = 0;
    for (const MoePart& part : slot.parts) {
      tensors.emplace_back(router_tensor(part.module),
                           slot.router.detach().narrow(0, router_first, experts()));
      router_first += experts();
      std::int64_t first = 0;
      for (std::size_t i = 0; i < part.ranks.size(); first += part.ranks[i++]) {
        tensors.emplace_back(expert_tensor(part.module, i, 'A'),
                             slot.A.detach().narrow(0, part.rank_first + first, part.ranks[i]));
        tensors.emplace_back(expert_tensor(part.module, i, 'B'),
                             part.B.detach().narrow(1, first, part.ranks[i]));
      }
    }
  }
  return tensors;
}

NamedTensors MoeAdapter::parameters() const {
  const RoutingRule& rule = rule_of(routing_);
  NamedTensors list;
  for (const MoeSlot& slot : slots_) {
    if (rule.trains_experts) list.emplace_back(slot_prefix(slot) + ".A", slot.A);
    if (rule.trains_router) list.emplace_back(slot_prefix(slot) + ".router", slot.router);
    if (!rule.trains_experts) continue;
    for (const MoePart& part : slot.parts) list.emplace_back(part.module + ".B", part.B);
  }
  return list;
}

MoeAdapter MoeAdapter::clone(torch::Dtype dtype, bool requires_grad) const {
  torch::NoGradGuard no_grad;
  const RoutingRule& rule = rule_of(routing_);
  const bool experts = requires_grad && rule.trains_experts;
  MoeAdapter copy = *this;
  for (MoeSlot& slot : copy.slots_) {
    slot.A = like(slot.A, dtype, experts);
    slot.spread = like(slot.spread, dtype, false);
    slot.router = like(slot.router, torch::kFloat32, requires_grad && rule.trains_router);
    for (MoePart& part : slot.parts) part.B = like(part.B, dtype, experts);
  }
  return copy;
}

void MoeAdapter::assign(std::span<const Tensor> source) {
  torch::NoGradGuard no_grad;
  const NamedTensors mine = parameters();
  require(mine.size() == source.size(), "MoeAdapter::assign: another number of tensors");
  for (std::size_t i = 0; i < mine.size(); ++i) mine[i].second.copy_(source[i]);
}

}  // namespace factsweep
