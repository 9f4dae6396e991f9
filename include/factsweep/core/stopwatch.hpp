// How long something takes, in seconds of wall time.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace factsweep {

class Stopwatch {
 public:
  /// Runs, from `earlier` seconds on: what former runs of the same work took.
  explicit Stopwatch(double earlier = 0) : earlier_(earlier) {}

  double seconds() const {
    if (!began_) return earlier_;
    return earlier_ + std::chrono::duration<double>(Clock::now() - *began_).count();
  }
  /// What former runs of the same work took, as soon as it is known.
  void add(double earlier) { earlier_ += earlier; }
  /// Until go_on().
  void hold() {
    earlier_ = seconds();
    began_.reset();
  }
  void go_on() {
    if (!began_) began_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;

  double earlier_;                                         // but for the current stretch
  std::optional<Clock::time_point> began_ = Clock::now();  // of that; nothing: held
};

/// Of work that takes several runs, each of which goes on from what the one before it has kept.
class WorkClock {
 public:
  /// Of this run, and of those before it as far as it goes on from them.
  double seconds() const { return earlier_ + run_.seconds(); }
  /// This run goes on from what was kept when the clock showed `seconds`. Where it is of several
  /// pieces, the last of them counts.
  void go_on_from(double seconds) { earlier_ = std::max(earlier_, seconds); }

 private:
  double earlier_ = 0;
  Stopwatch run_;
};

}  // namespace factsweep
