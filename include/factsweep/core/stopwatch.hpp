// How long something takes, in seconds of wall time.
#pragma once

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

}  // namespace factsweep
