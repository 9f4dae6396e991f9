// Stage "p_true": does the base model hold its answers for true (SliCK, appendix J)?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../worker.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"

namespace factsweep::slick {

struct PTrue {
  static constexpr const char* kind = "p_true";

  std::string model;                   // fingerprint of its files
  std::string questions;               // hash of their texts and answers
  std::uint64_t first = 0, count = 0;  // rows of /labels/base

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("questions", self.questions);
    field.local("first", self.first);
    field.local("count", self.count);
  }
  std::vector<std::string> deck_keys() const { return {"model.dtype", "label.p_true"}; }
  void run(Worker& worker, StageRun& run) const;

  /// The dataset, which is there also when no question is asked.
  static const Column<float> column;
};

/// Adds the stages that ask for P(True) of test questions, where label.p_true wants them.
void add_p_true(PlanBuilder& builder, const Worker& worker, const Chunk& chunk,
                const std::string& model_fingerprint, const ModelConfig& model);

}  // namespace factsweep::slick
