// Stage "train": one training on one fine-tuning set D. After every epoch the model is asked
// everything; the best dev epoch is EARLY_STOP, the last CONVERGENCE, and both come from one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../grid.hpp"
#include "../worker.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"

namespace factsweep::slick {

struct Train {
  static constexpr const char* kind = "train";

  Upstream labelled;       // all rows
  nlohmann::json mixture;  // Mixture::to_json()
  std::string dev;         // hash of the questions that decide EARLY_STOP
  std::uint64_t seed = 0;
  bool lora = false;
  // in place of the deck's, where the grid sweeps them
  std::optional<double> learning_rate, dropout;
  std::optional<std::int64_t> batch_size, lora_rank;

  static void fields(auto& self, auto&& field) {
    field("labelled", self.labelled);
    field("mixture", self.mixture);
    field("dev", self.dev);
    field("seed", self.seed);
    field("lora", self.lora);
    field("learning_rate", self.learning_rate);
    field("dropout", self.dropout);
    field("batch_size", self.batch_size);
    field("lora_rank", self.lora_rank);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  /// lora.* of the deck with this stage's rank; nothing in full fine-tuning.
  std::optional<LoraConfig> lora_config(const Deck& deck) const;
  /// Which weights store.deltas keeps: "early_stop", "final".
  static std::vector<std::string> kept_weights(const Deck& deck);
};

/// Every dataset that trainings fill, and the lengths of their axes. After the points.
void declare_training_columns(PlanBuilder& builder, const Worker& worker);

/// What every training of a plan depends on.
struct TrainingInputs {
  Upstream labelled;  // all rows
  std::string dev;    // questions_hash() of the questions that decide EARLY_STOP
  ModelConfig model;
  BaseModel base;
};

/// The training of a point, and the point's rows of its outputs. Returns whether it trains LoRA.
bool add_training(PlanBuilder& builder, const Corpus& corpus, const TrainingInputs& inputs,
                  const GridPoint& at, std::uint64_t point, const std::string& id);

}  // namespace factsweep::slick
