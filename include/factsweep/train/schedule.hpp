// The learning rate of every step.
#pragma once

#include <cstdint>

#include "factsweep/train/settings.hpp"

namespace factsweep {

/// Linear warm-up to settings.learning_rate, of which the first step has 1 / warmup_steps; then
/// constant, or a line or half a cosine (Loshchilov and Hutter, arXiv 1608.03983, equation 5,
/// without restarts) that would reach settings.final_learning_rate one step after the last.
class Schedule {
 public:
  /// A training of `steps` steps.
  Schedule(const TrainSettings& settings, std::int64_t steps);

  /// The rate of step `step`, from 0.
  double rate(std::int64_t step) const;

 private:
  Decay decay_;
  double learning_rate_, final_learning_rate_;
  std::int64_t warmup_steps_, steps_;
};

}  // namespace factsweep
