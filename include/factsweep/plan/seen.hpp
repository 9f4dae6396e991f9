// What stages took in an earlier sweep, by kind, and what a plan makes of it: the next forecast is as
// good as what has been seen.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "factsweep/plan/plan.hpp"

namespace factsweep {

/// The finished stages of one kind.
struct SeenKind {
  std::size_t stages = 0;
  double flop = 0, seconds = 0;  // sums; FLOP as they were estimated
  double memory_ratio = 0;  // the largest of what a stage held over what was foreseen; 0: not measured

  void join(const SeenKind& other);
};
using SeenKinds = std::map<std::string, SeenKind>;

/// How fast a rank does stages: as those of their kind were done, where that is known, else at
/// `flop_per_second`.
struct Pace {
  double flop_per_second = 0;
  std::map<std::string, double> of_kind = {};  // FLOP/s

  Pace(double rate) : flop_per_second(rate) {}
  /// Kinds that were not seen go at the mean of those that were. Precondition: has_pace(seen).
  explicit Pace(const SeenKinds& seen);

  double seconds(const Stage& stage) const;
};
/// Whether work was seen that took time.
bool has_pace(const SeenKinds& seen);

/// Expects of each stage as much more or less memory, the model's included, as its kind was seen to
/// hold; never less than the model takes.
void expect_memory(Plan& plan, const SeenKinds& seen);

}  // namespace factsweep
