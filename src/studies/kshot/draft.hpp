// What stages are laid out by, and what they share where they run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters.hpp"
#include "factsweep/encoder/encoder.hpp"
#include "factsweep/model/config.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/studies/support/abilities.hpp"
#include "factsweep/studies/support/lengths.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "grid.hpp"

namespace factsweep::kshot {

/// A rank at work.
struct Worker {
  Sets sets;
  Abilities abilities = {};
  Model base = {};                      // no stage changes it
  std::optional<Encoder> encoder = {};  // loaded when a stage asks for it

  std::vector<std::string> check(const Deck& deck) {
    return check_models({deck.text("model.path")}).missing;
  }
  /// Loads the base model. InputError.
  void prepare(const Deck& deck, const std::string& device);
  const Model& use(const std::string&) const { return base; }
};

/// A plan in the making.
struct Draft {
  /// InputError: no template, no model, no encoder.
  Draft(const Deck& deck, const Worker& inputs, std::vector<GridPoint> grid);

  const Deck& deck() const { return builder.deck(); }
  const Sets& sets() const { return worker.sets; }
  /// The largest K of the deck at once: smaller draws are part of it.
  Shots all_shots(std::size_t task, std::int64_t draw) const;
  /// About what training on a set sees, cut to kshot.longest.
  Lengths lengths_of(const TaskSet& set) const;
  /// The stage fills the point's row of what ability.* ask.
  void place_abilities(Upstream stage, std::uint64_t point) {
    builder.place(stage, worker.abilities.any_columns(), {point});
  }

  const Worker& worker;
  PlanBuilder builder;
  const PlannedModel base;  // that kept weights are to be added to
  const ModelConfig& model = base.config;
  const std::vector<GridPoint> points;
  std::vector<std::int64_t> draws;                   // of the points, ascending
  std::int64_t shots = 1, experts = 1, samples = 1;  // largest of all points
  std::vector<std::string> modules;                  // that adapters of mixtures adapt
  bool keeps_weights = false;                        // of what points train: store.deltas
  Bank bank;
  std::vector<Upstream> base_abilities;  // that ask the base model ability.*: one, or none
  std::string encoder;      // fingerprint of its files; empty: there is none
  std::uint64_t width = 0;  // of its embeddings
  // Stages that several points share.
  std::map<std::pair<std::size_t, std::size_t>, Upstream> tests;  // by task and model
  std::map<std::pair<std::size_t, std::int64_t>, std::vector<Upstream>> signals;  // and draw
  std::map<std::size_t, std::vector<Upstream>> pools;                             // embeddings

 private:
  void read_encoder(const std::string& directory);

  const std::size_t template_bytes_;
  const double characters_per_token_;
  double encoder_parameters_ = 0;  // of the matrices of a BERT, for estimates
};

/// /tasks, /pools and /selection/shot_row.
void fill_tables(Draft& draft);

}  // namespace factsweep::kshot
