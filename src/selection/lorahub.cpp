#include "factsweep/selection/lorahub.hpp"

#include <algorithm>
#include <cmath>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

constexpr double kBound = 1.5, kFirstStep = 0.5;

bool same_form(const LoraAdapter& a, const LoraAdapter& b) {
  const NamedTensors x = a.parameters(), y = b.parameters();
  if (x.size() != y.size()) return false;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].second.sizes() != y[i].second.sizes()) return false;
  }
  for (std::size_t s = 0; s < a.slots().size(); ++s) {
    for (std::size_t p = 0; p < a.slots()[s].parts.size(); ++p) {
      if (a.slots()[s].parts[p].scale != b.slots()[s].parts[p].scale) return false;
    }
  }
  return true;
}

}  // namespace

LoraAdapter weighted_sum(std::span<const LoraAdapter> adapters, std::span<const double> weights) {
  torch::NoGradGuard no_grad;
  LoraAdapter sum = adapters.front().clone(torch::kFloat32);
  const NamedTensors places = sum.parameters();
  for (const auto& [name, place] : places) place.mul_(weights.front());
  for (std::size_t i = 1; i < adapters.size(); ++i) {
    if (!same_form(adapters.front(), adapters[i]))
      throw InputError(
          "the matrices of adapters are added up, which have to be of one rank and one alpha.");
    const NamedTensors parts = adapters[i].parameters();
    for (std::size_t p = 0; p < places.size(); ++p)
      places[p].second.add_(parts[p].second.to(torch::kFloat32), weights[i]);
  }
  return sum.clone(adapters.front().dtype());
}

std::vector<double> search_weights(std::size_t count, std::int64_t evaluations,
                                   const std::function<double(const std::vector<double>&)>& loss,
                                   CounterRandom random) {
  std::vector<double> best(count, 0);
  double lowest = loss(best), step = kFirstStep;
  for (std::int64_t i = 0; i < evaluations; ++i) {
    std::vector<double> child = best;
    for (double& weight : child)
      weight = std::clamp(weight + step * random.normal(), -kBound, kBound);
    const double found = loss(child);
    // 1.5 and 1.5^(-1/4) balance at one success in five
    if (found < lowest) {
      lowest = found;
      best = child;
      step *= 1.5;
    } else {
      step *= std::pow(1.5, -0.25);
    }
  }
  return best;
}

}  // namespace factsweep
