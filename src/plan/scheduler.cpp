#include "factsweep/plan/scheduler.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

namespace factsweep {
namespace {

template <typename Cost>
std::vector<double> critical_path(const Plan& plan, Cost cost, const std::vector<bool>& done) {
  require(done.empty() || done.size() == plan.stages.size(), "critical_path: one flag a stage");
  std::vector<double> length(plan.stages.size(), 0);
  // Upstream stages have smaller indices, so all dependants of a stage come before it here.
  for (std::size_t i = plan.stages.size(); i-- > 0;) {
    if (!done.empty() && done[i]) continue;  // waits for nobody
    length[i] += cost(plan.stages[i]);
    for (const std::size_t upstream : plan.stages[i].upstream)
      length[upstream] = std::max(length[upstream], length[i]);
  }
  return length;
}

}  // namespace

std::vector<double> critical_path_flop(const Plan& plan, const std::vector<bool>& done) {
  return critical_path(
      plan, [](const Stage& stage) { return stage.cost_flop; }, done);
}

std::vector<double> critical_path_seconds(const Plan& plan, const Pace& pace,
                                          const std::vector<bool>& done) {
  return critical_path(
      plan, [&](const Stage& stage) { return pace.seconds(stage); }, done);
}

Scheduler::Scheduler(const Plan& plan, const std::vector<bool>& already_done)
    : first_dependant_(plan.stages.size() + 1),
      missing_(plan.stages.size()),
      state_(plan.stages.size(), State::waiting),
      priority_(critical_path_flop(plan, already_done)) {
  const std::size_t n = plan.stages.size();
  const auto is_done = [&](std::size_t stage) {
    return !already_done.empty() && already_done[stage];
  };
  for (const Stage& stage : plan.stages) {
    for (const std::size_t upstream : stage.upstream) ++first_dependant_[upstream + 1];
  }
  std::partial_sum(first_dependant_.begin(), first_dependant_.end(), first_dependant_.begin());
  dependants_.resize(first_dependant_.back());
  std::vector<std::size_t> cursor(first_dependant_.begin(), first_dependant_.end() - 1);
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t upstream : plan.stages[i].upstream) {
      dependants_[cursor[upstream]++] = i;
      if (!is_done(upstream)) ++missing_[i];
    }
  }
  counts_.waiting = n;
  for (std::size_t i = 0; i < n; ++i) {
    if (is_done(i)) {
      state_[i] = State::done;
      --counts_.waiting;
      ++counts_.done;
    } else if (missing_[i] == 0) {
      make_ready(i);
    }
  }
}

void Scheduler::make_ready(std::size_t stage) {
  state_[stage] = State::ready;
  --counts_.waiting;
  ++counts_.ready;
  ready_.emplace(priority_[stage], stage);
}

std::optional<std::size_t> Scheduler::peek() const {
  if (ready_.empty()) return std::nullopt;
  return ready_.top().second;
}

std::optional<std::size_t> Scheduler::next() {
  const std::optional<std::size_t> stage = peek();
  if (!stage) return std::nullopt;
  ready_.pop();
  state_[*stage] = State::running;
  --counts_.ready;
  ++counts_.running;
  return stage;
}

void Scheduler::complete(std::size_t stage) {
  require(state_.at(stage) == State::running, "Scheduler::complete: the stage is not running");
  state_[stage] = State::done;
  --counts_.running;
  ++counts_.done;
  release_dependants(stage);
}

void Scheduler::give_back(std::size_t stage) {
  require(state_.at(stage) == State::running, "Scheduler::give_back: the stage is not running");
  --counts_.running;
  ++counts_.waiting;
  make_ready(stage);
}

void Scheduler::release_dependants(std::size_t stage) {
  for (std::size_t k = first_dependant_[stage]; k < first_dependant_[stage + 1]; ++k) {
    const std::size_t dependant = dependants_[k];
    // A dependant may be blocked by another failure, or done by an earlier run.
    if (--missing_[dependant] == 0 && state_[dependant] == State::waiting) make_ready(dependant);
  }
}

std::vector<std::size_t> Scheduler::fail(std::size_t stage) {
  require(state_.at(stage) == State::running, "Scheduler::fail: the stage is not running");
  state_[stage] = State::failed;
  --counts_.running;
  ++counts_.failed;
  std::vector<std::size_t> blocked;
  std::vector<std::size_t> open = {stage};
  while (!open.empty()) {
    const std::size_t from = open.back();
    open.pop_back();
    for (std::size_t k = first_dependant_[from]; k < first_dependant_[from + 1]; ++k) {
      const std::size_t dependant = dependants_[k];
      if (state_[dependant] != State::waiting) continue;
      state_[dependant] = State::blocked;
      --counts_.waiting;
      ++counts_.blocked;
      blocked.push_back(dependant);
      open.push_back(dependant);
    }
  }
  std::sort(blocked.begin(), blocked.end());
  return blocked;
}

double simulate_makespan(const Plan& plan, int ranks, const Pace& pace,
                         const std::vector<bool>& done) {
  require(ranks > 0 && pace.flop_per_second > 0, "simulate_makespan: ranks and pace above 0");
  Scheduler scheduler(plan, done);
  using End = std::pair<double, std::size_t>;  // when, which stage
  std::priority_queue<End, std::vector<End>, std::greater<>> running;
  double now = 0;
  while (!scheduler.finished()) {
    while (running.size() < static_cast<std::size_t>(ranks)) {
      const auto stage = scheduler.next();
      if (!stage) break;
      running.emplace(now + pace.seconds(plan.stages[*stage]), *stage);
    }
    now = running.top().first;
    // All that end now free their dependants before ranks choose again.
    while (!running.empty() && running.top().first == now) {
      scheduler.complete(running.top().second);
      running.pop();
    }
  }
  return now;
}

}  // namespace factsweep
