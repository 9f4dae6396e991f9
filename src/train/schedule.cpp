#include "factsweep/train/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace factsweep {

Schedule::Schedule(const TrainSettings& settings, std::int64_t steps)
    : decay_(settings.decay),
      learning_rate_(settings.learning_rate),
      final_learning_rate_(settings.final_learning_rate),
      warmup_steps_(settings.warmup_steps),
      steps_(steps) {}

double Schedule::rate(std::int64_t step) const {
  if (step < warmup_steps_)
    return learning_rate_ * static_cast<double>(step + 1) / static_cast<double>(warmup_steps_);
  if (decay_ == Decay::constant) return learning_rate_;
  const double total = static_cast<double>(steps_ - warmup_steps_);
  const double done = static_cast<double>(step - warmup_steps_) / std::max(total, 1.0);
  const double blend =
      decay_ == Decay::linear ? 1 - done : 0.5 * (1 + std::cos(std::numbers::pi * done));
  return final_learning_rate_ + blend * (learning_rate_ - final_learning_rate_);
}

}  // namespace factsweep
