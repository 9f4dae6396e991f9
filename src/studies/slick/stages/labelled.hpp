// Stage "labelled": what all label stages found, in one place. Trainings stand on it alone: 10^4 of
// them on 400 label stages each would be 4 x 10^6 edges.
#pragma once

#include <string>
#include <vector>

#include "../worker.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"

namespace factsweep::slick {

struct Labelled {
  static constexpr const char* kind = "labelled";

  std::vector<Upstream> labels;  // of all rows, in their order

  static void fields(auto& self, auto&& field) { field("labels", self.labels); }
  std::vector<std::string> deck_keys() const { return {}; }
  /// Emits Label::category of all rows: the same values in the same place, but as one output.
  void run(Worker& worker, StageRun& run) const;
};

Upstream add_labelled(PlanBuilder& builder, const Corpus& corpus, std::vector<Upstream> labels);

}  // namespace factsweep::slick
