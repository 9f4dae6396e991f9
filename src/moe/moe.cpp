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

void check(std::span<const MoeExpert> experts, const MoeSettings& settings) {
  const auto count = static_cast<std::int64_t>(experts.size());
  if (experts.empty()) throw InputError("a mixture of experts needs at least one adapter.");
  if (settings.top_k < 1 || settings.top_k > count) {
    throw InputError(fmt::format("top_k = {} is outside [1, {}], the number of experts.",
                                 settings.top_k, count));
  }
  for (const MoeExpert& expert : experts) {
    if (expert.adapter.saved().names.any()) {
      throw InputError(fmt::format(
          "expert '{}' saves whole modules (modules_to_save: {}), which take the place of the base "
          "model's and cannot be mixed.",
          expert.name, fmt::join(expert.adapter.saved().names.list(), ", ")));
    }
    if (expert.adapter.config().bias == LoraBias::none) continue;
    throw InputError(fmt::format(
        "expert '{}' carries biases (bias = all or lora_only), which take the place of the base "
        "model's and cannot be mixed. Train it with bias = none.",
        expert.name));
  }
}

/// Merged experts are means of matrices, rank by rank: in one form.
std::vector<MoeExpert> in_one_form(std::span<const MoeExpert> experts, const ModelConfig& base) {
  std::vector<LoraConfig> configs;
  for (const MoeExpert& expert : experts) configs.push_back(expert.adapter.config());
  const LoraConfig form = common_form(configs, base);
  std::vector<MoeExpert> alike(experts.begin(), experts.end());
  for (MoeExpert& expert : alike) expert.adapter = expert.adapter.in_form(form);
  return alike;
}

/// The modules that any of the experts adapts; rank 0 of an expert that lacks one.
std::vector<ExpertModule> modules_of(std::span<const MoeExpert> experts) {
  std::map<std::string, ExpertModule> modules;
  for (std::size_t i = 0; i < experts.size(); ++i) {
    for (const auto& [slot, part] : parts_of(experts[i].adapter)) {
      ExpertModule& module = modules[part->module];
      module.name = part->module;
      module.ranks.resize(experts.size());
      module.scales.resize(experts.size());
      module.ranks[i] = part->rank;
      module.scales[i] = part->scale;
    }
  }
  std::vector<ExpertModule> list;
  for (auto& [name, module] : modules) list.push_back(std::move(module));
  return list;
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
  const double common = first_scale();
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    if (ranks[i] > 0 && scales[i] != common) return false;
  }
  return true;
}

double MoePart::first_scale() const {
  const auto has = std::find_if(ranks.begin(), ranks.end(), [](auto rank) { return rank > 0; });
  return scales.at(static_cast<std::size_t>(has - ranks.begin()));
}

MoeAdapter MoeAdapter::create(std::span<const MoeExpert> given, const Weights& base,
                              const MoeSettings& settings) {
  check(given, settings);
  const std::vector<MoeExpert> experts =
      settings.routing == Routing::merged ? in_one_form(given, base.config)
                                          : std::vector<MoeExpert>(given.begin(), given.end());
  MoeAdapter moe;
  for (const MoeExpert& expert : experts) moe.names_.push_back(expert.name);
  moe.routing_ = settings.routing;
  moe.top_k_ = settings.top_k;
  moe.dropout_ = settings.dropout;
  moe.slots_ = expert_slots(modules_of(experts), base, experts.front().name);
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
      if (places.count(expert_tensor(module, i, 'A')) == 0) continue;  // the row of a lacking one is 0
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
        if (part.ranks[i] == 0) continue;
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
