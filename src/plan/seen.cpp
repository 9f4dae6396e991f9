#include "factsweep/plan/seen.hpp"

#include <algorithm>

namespace factsweep {

void SeenKind::join(const SeenKind& other) {
  stages += other.stages;
  flop += other.flop;
  seconds += other.seconds;
  memory_ratio = std::max(memory_ratio, other.memory_ratio);
}

bool has_pace(const SeenKinds& seen) {
  return std::any_of(seen.begin(), seen.end(), [](const auto& kind) {
    return kind.second.flop > 0 && kind.second.seconds > 0;
  });
}

Pace::Pace(const SeenKinds& seen) {
  require(has_pace(seen), "Pace: nothing was seen");
  SeenKind all;
  for (const auto& [kind, of_kind_seen] : seen) {
    if (of_kind_seen.flop <= 0 || of_kind_seen.seconds <= 0) continue;
    of_kind[kind] = of_kind_seen.flop / of_kind_seen.seconds;
    all.join(of_kind_seen);
  }
  flop_per_second = all.flop / all.seconds;
}

double Pace::seconds(const Stage& stage) const {
  const auto found = of_kind.find(stage.kind);
  return stage.cost_flop / (found == of_kind.end() ? flop_per_second : found->second);
}

void expect_memory(Plan& plan, const SeenKinds& seen) {
  for (Stage& stage : plan.stages) {
    const auto found = seen.find(stage.kind);
    if (found == seen.end() || found->second.memory_ratio == 0) continue;
    const double ratio = found->second.memory_ratio;
    stage.memory_bytes += std::max(0.0, ratio * plan.bytes_of(stage)) - plan.bytes_of(stage);
    stage.activation_bytes *= ratio;
  }
}

}  // namespace factsweep
