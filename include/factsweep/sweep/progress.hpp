// How much of a sweep's work is done: finished stages whole, running ones as far as they have told.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

class Progress {
 public:
  /// `done`: stages that an earlier run finished.
  Progress(const Plan& plan, const std::vector<bool>& done);

  /// A running stage is at `fraction`; `begun` is where it was when it began here, after a
  /// checkpoint more than nothing.
  void running(std::size_t stage, double begun, double fraction);
  void finished(std::size_t stage);
  /// What it has done does not count.
  void failed(std::size_t stage);

  /// Of a running stage: how far it has told that it is, in [0, 1].
  double fraction(std::size_t stage) const;
  /// The share of all work that is done, in [0, 1].
  double share() const;
  /// At the pace of the `elapsed` seconds of this run; nothing before there is one.
  std::optional<double> seconds_left(double elapsed) const;

 private:
  void take_back(std::size_t stage);

  const Plan& plan_;
  std::map<std::size_t, double> running_;  // FLOP done by each running stage
  double total_ = 0, done_ = 0;            // FLOP
  double before_ = 0;                      // of `done_`, by earlier runs
};

}  // namespace factsweep
