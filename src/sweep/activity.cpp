#include "factsweep/sweep/activity.hpp"

namespace factsweep {

Activity::State Activity::state() const {
  const std::lock_guard lock(mutex_);
  return {busy_, has_work_, what_, moves_.load(std::memory_order_relaxed)};
}

void Activity::begin(std::string_view what, bool has_work) {
  const std::lock_guard lock(mutex_);
  busy_ = true;
  has_work_ = has_work;
  what_ = what;
  moved();
}

void Activity::rest() {
  const std::lock_guard lock(mutex_);
  busy_ = has_work_ = false;
  moved();
}

}  // namespace factsweep
