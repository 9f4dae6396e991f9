// Stage "base_errors": wrong few-shot answers of the base model, to be read and told apart by kind
// (SliCK looks at 50 greedy and 50 sampled ones: table 7, 6 in v1).
#pragma once

#include <string>
#include <vector>

#include "../worker.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"

namespace factsweep::slick {

struct BaseErrors {
  static constexpr const char* kind = "base_errors";

  std::string model;                 // fingerprint of its files
  std::string questions, exemplars;  // hashes of all of them

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("questions", self.questions);
    field("exemplars", self.exemplars);
  }
  std::vector<std::string> deck_keys() const {
    return {"model.dtype", "label.", "errors.base_sample"};
  }
  void run(Worker& worker, StageRun& run) const;
};

/// The stage, where errors.base_sample wants it.
void add_base_errors(PlanBuilder& builder, const Worker& worker,
                     const std::string& model_fingerprint, const ModelConfig& model);

}  // namespace factsweep::slick
