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
  /// asks for more. What it takes is not known before the first: a disk's usual time for `bytes`.
  double pause_s() const {
    constexpr double kFirst = 20, kShortest = 5, kShare = 0.01;  // seconds, seconds, of the time
    return std::min(interval_s_, std::max(is_known_ ? kShortest : kFirst, cost_s_ / kShare));
  }
  void expect(double bytes) {
    constexpr double kBytesPerSecond = 1e9;
    cost_s_ = bytes / kBytesPerSecond;
  }
  bool is_due() const { return interval_s_ > 0 && since_.seconds() > pause_s(); }
  /// Just now, in so many seconds.
  void saved(double cost_s) {
    cost_s_ = cost_s;
    is_known_ = true;
    since_ = Stopwatch();
  }
  /// It could not be written: not before a whole interval is it tried again.
  void failed() { saved(1e9); }
  void begin() { since_ = Stopwatch(); }

 private:
  double interval_s_, cost_s_ = 0;
  bool is_known_ = false;  // cost_s_, from one that was saved
  Stopwatch since_;
};

}  // namespace factsweep
