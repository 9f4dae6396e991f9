// When is a checkpoint due? At least every so many seconds, and more often where it costs next to
// nothing: a job that is killed without warning then loses seconds.
#pragma once

#include <algorithm>

#include "factsweep/core/stopwatch.hpp"

namespace factsweep {

class SaveSchedule {
 public:
  /// 0: never due.
  explicit SaveSchedule(double interval_s) : interval_s_(interval_s) {}

  /// Seconds after the last one. Saving takes a hundredth of the time at most, but where `interval`
  /// asks for more. What it takes is not known before the first.
  double pause_s() const {
    constexpr double kFirst = 20, kShortest = 5, kShare = 0.01;  // seconds, seconds, of the time
    const double cheap = cost_s_ < 0 ? kFirst : std::max(kShortest, cost_s_ / kShare);
    return std::min(interval_s_, cheap);
  }
  bool is_due() const { return interval_s_ > 0 && since_.seconds() > pause_s(); }
  /// Just now, in so many seconds.
  void saved(double cost_s) {
    cost_s_ = cost_s;
    since_ = Stopwatch();
  }
  /// It could not be written: not before a whole interval is it tried again.
  void failed() { saved(1e9); }
  void begin() { since_ = Stopwatch(); }

 private:
  double interval_s_, cost_s_ = -1;  // below 0: not known
  Stopwatch since_;
};

}  // namespace factsweep
