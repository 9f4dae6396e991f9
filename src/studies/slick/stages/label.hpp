// Stage "label": how likely the base model answers some questions of one relation, and what SliCK
// calls them for it (section 3).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../worker.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"

namespace factsweep::slick {

struct Label {
  static constexpr const char* kind = "label";
  static const Column<std::uint8_t> category;  // read by trainings

  std::string model;  // fingerprint of its files
  std::string relation;
  std::string questions;               // hash of their texts and answers
  std::string exemplars;               // the same of the relation's
  std::uint64_t first = 0, count = 0;  // rows of /labels/base

  static void fields(auto& self, auto&& field) {
    field("model", self.model);
    field("relation", self.relation);
    field("questions", self.questions);
    field("exemplars", self.exemplars);
    field.local("first", self.first);
    field.local("count", self.count);
  }
  std::vector<std::string> deck_keys() const { return {"model.dtype", "label."}; }
  void run(Worker& worker, StageRun& run) const;
};

/// A hash of questions and their answers.
std::string questions_hash(std::span<const Question> questions);
std::string exemplars_hash(const ExemplarSets& sets);

/// The datasets of /labels/base that are known before any work: questions and exemplars.
void fill_questions(PlanBuilder& builder, const Worker& worker);
Upstream add_label(PlanBuilder& builder, const Worker& worker, const Chunk& chunk,
                   const std::string& model_fingerprint, const ModelConfig& model);

}  // namespace factsweep::slick
