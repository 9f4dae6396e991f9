#include "factsweep/sweep/progress.hpp"

#include <algorithm>
#include <utility>

namespace factsweep {

Progress::Progress(const Plan& plan, const std::vector<bool>& done) : plan_(plan) {
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    total_ += plan.stages[i].cost_flop;
    if (done[i]) before_ += plan.stages[i].cost_flop;
  }
  done_ = before_;
}

void Progress::running(std::size_t stage, double begun, double fraction) {
  const double cost = plan_.stages[stage].cost_flop;
  const auto [entry, fresh] = running_.try_emplace(stage, 0);
  if (fresh) before_ += std::clamp(begun, 0.0, 1.0) * cost;
  // a stage of several parts counts each of them from 0: what was reached stays
  const double now = std::max(entry->second, std::clamp(fraction, 0.0, 1.0) * cost);
  done_ += now - std::exchange(entry->second, now);
}

void Progress::finished(std::size_t stage) {
  done_ += plan_.stages[stage].cost_flop;
  take_back(stage);
}

void Progress::failed(std::size_t stage) {
  take_back(stage);
}

void Progress::take_back(std::size_t stage) {
  const auto entry = running_.find(stage);
  if (entry == running_.end()) return;
  done_ -= entry->second;
  running_.erase(entry);
}

double Progress::fraction(std::size_t stage) const {
  const auto entry = running_.find(stage);
  const double cost = plan_.stages[stage].cost_flop;
  return entry == running_.end() || cost <= 0 ? 0 : entry->second / cost;
}

double Progress::share() const {
  return total_ > 0 ? done_ / total_ : 1;
}

std::optional<double> Progress::seconds_left(double elapsed) const {
  const double here = done_ - before_;
  if (here <= 0) return std::nullopt;
  return elapsed * std::max(0.0, total_ - done_) / here;  // which rounding may take below 0
}

}  // namespace factsweep
