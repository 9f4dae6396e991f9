// Stage "original": the model that knows the old answers, from which every method starts. Its
// point, where there is one, is what the others are compared with.
#pragma once

#include <string>
#include <vector>

#include "ground.hpp"
#include "lesson.hpp"

namespace factsweep::flearning {

struct Original : Ground {
  static constexpr const char* kind = "original";
  static const Column<std::int32_t> locality;  // read by every evaluation

  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  static Lesson lesson() { return {"original"}; }
};

Upstream add_original(const Draft& draft);

}  // namespace factsweep::flearning
