// Which stage next? The scheduling core behind both the running sweep and `plan --ranks N`, so that
// the simulation follows the very decisions of the real run. It knows a plan's graph and costs, and
// nothing of ranks or time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "factsweep/plan/seen.hpp"

namespace factsweep {

/// Per stage: FLOP along the longest chain from it (included) downstream, of the stages that are
/// still to do. An empty `done` means none is.
std::vector<double> critical_path_flop(const Plan& plan, const std::vector<bool>& done = {});
/// The same in seconds.
std::vector<double> critical_path_seconds(const Plan& plan, const Pace& pace,
                                          const std::vector<bool>& done = {});

class Scheduler {
 public:
  struct Counts {
    std::size_t waiting = 0, ready = 0, running = 0, done = 0, failed = 0, blocked = 0;
  };

  /// `already_done`: stages whose results an earlier run left; empty means none. Costs O(stages +
  /// edges).
  explicit Scheduler(const Plan& plan, const std::vector<bool>& already_done = {});

  /// Hands out the ready stage with the longest critical path (ties: the lower index); it is
  /// running from now on. Nothing when no stage is ready. O(log stages).
  std::optional<std::size_t> next();
  /// The stage that next() would hand out.
  std::optional<std::size_t> peek() const;

  /// Precondition of all three: `stage` is running.
  void complete(std::size_t stage);
  /// It is ready again.
  void give_back(std::size_t stage);
  /// Returns the stages that depend on `stage`, directly or not: they are blocked. Sorted.
  std::vector<std::size_t> fail(std::size_t stage);

  /// Nothing is running and nothing is ready: the sweep is over, complete or not.
  bool finished() const { return counts_.running == 0 && counts_.ready == 0; }
  const Counts& counts() const { return counts_; }

 private:
  enum class State : std::uint8_t { waiting, ready, running, done, failed, blocked };

  void make_ready(std::size_t stage);
  void release_dependants(std::size_t stage);

  // Dependants of stage i: dependants_[first_dependant_[i] .. first_dependant_[i + 1]).
  std::vector<std::size_t> first_dependant_, dependants_;
  std::vector<std::uint32_t> missing_;  // upstream stages not yet done
  std::vector<State> state_;
  std::vector<double> priority_;
  struct Later {
    bool operator()(const std::pair<double, std::size_t>& a,
                    const std::pair<double, std::size_t>& b) const {
      return a.first < b.first || (a.first == b.first && a.second > b.second);
    }
  };
  std::priority_queue<std::pair<double, std::size_t>, std::vector<std::pair<double, std::size_t>>,
                      Later>
      ready_;
  Counts counts_;
};

/// Seconds until the last stage ends when `ranks` equal ranks of that pace take stages from
/// a Scheduler, each as soon as it is idle. Data transfer is not counted. `done`: see Scheduler.
/// Precondition: ranks > 0, and a pace above 0.
double simulate_makespan(const Plan& plan, int ranks, const Pace& pace,
                         const std::vector<bool>& done = {});

}  // namespace factsweep
