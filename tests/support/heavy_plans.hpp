// Plans of the studies' shapes with heavy-tailed costs, and a run of them by the scheduler that the sweep uses, on a clock of
// costs that it does not know.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <numbers>
#include <queue>
#include <utility>
#include <vector>

#include "factsweep/core/random.hpp"
#include "factsweep/plan/scheduler.hpp"

namespace factsweep::test {

/// The plan's costs are the forecast; `cost` is what the stages really take.
struct HeavyPlan {
  Plan plan;
  std::vector<double> cost;
};

/// Groups like those of the studies, until there are `stages`: labels, their gathering, trainings that need it (SliCK); a
/// training of old facts, edits that need it, some of them one after another (F-Learning); experts, what is measured of all of
/// them, tunings (K-shot). Costs are log-normal with sigma 1, and forecasts wrong by a factor between a half and two.
inline HeavyPlan heavy_plan(std::size_t stages, std::uint64_t seed) {
  CounterRandom random(seed);
  HeavyPlan heavy;
  heavy.plan.study = "heavy";
  const auto add = [&](std::vector<std::size_t> upstream) {
    const double normal = std::sqrt(-2 * std::log(1 - random.uniform())) *
                          std::cos(2 * std::numbers::pi * random.uniform());
    Stage stage;
    stage.kind = "heavy";
    stage.upstream = std::move(upstream);
    heavy.cost.push_back(std::exp(normal));
    stage.cost_flop = heavy.cost.back() * std::exp2(2 * random.uniform() - 1);
    heavy.plan.stages.push_back(std::move(stage));
    return heavy.plan.stages.size() - 1;
  };
  const auto several = [&](std::size_t count, const std::vector<std::size_t>& upstream) {
    std::vector<std::size_t> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(add(upstream));
    return made;
  };
  while (heavy.plan.stages.size() < stages) {
    switch (random.below(3)) {
      case 0:
        several(19, {add(several(100, {}))});
        break;
      case 1: {
        const std::size_t old = add({});
        for (const std::size_t edit : several(20, {old})) add({edit});
        break;
      }
      default:
        several(30, {add(several(40, {}))});
    }
  }
  return heavy;
}

/// When the last stage ends, where each rank takes the next one as soon as it is idle.
inline double makespan_of(const HeavyPlan& heavy, std::size_t ranks) {
  Scheduler scheduler(heavy.plan);
  using End = std::pair<double, std::size_t>;
  std::priority_queue<End, std::vector<End>, std::greater<>> running;
  double now = 0;
  while (!scheduler.finished()) {
    while (running.size() < ranks) {
      const auto stage = scheduler.next();
      if (!stage) break;
      running.emplace(now + heavy.cost[*stage], *stage);
    }
    now = running.top().first;
    scheduler.complete(running.top().second);
    running.pop();
  }
  return now;
}

/// No schedule is shorter.
inline double shortest_possible(const HeavyPlan& heavy, std::size_t ranks) {
  Plan real = heavy.plan;
  double total = 0;
  for (std::size_t i = 0; i < heavy.cost.size(); ++i) {
    real.stages[i].cost_flop = heavy.cost[i];
    total += heavy.cost[i];
  }
  const std::vector<double> paths = critical_path_flop(real);
  return std::max(total / static_cast<double>(ranks), *std::max_element(paths.begin(), paths.end()));
}

}  // namespace factsweep::test
