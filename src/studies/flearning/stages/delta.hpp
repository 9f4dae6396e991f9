// Stage "delta": theta_delta_old, what a second training on the old answers changes (equation 3).
#pragma once

#include <string>
#include <vector>

#include "ground.hpp"
#include "lesson.hpp"

namespace factsweep::flearning {

struct Delta : Ground {
  static constexpr const char* kind = "delta";

  bool lora = false;

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    field("lora", self.lora);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  Lesson lesson() const { return {"forget", lora}; }
};

/// By the way in which the point's method forgets.
Upstream add_delta(const Draft& draft, Upstream original);

}  // namespace factsweep::flearning
