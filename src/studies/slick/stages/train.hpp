// Stage "train": one training on one fine-tuning set D. After every epoch the model is asked
// everything; the best dev epoch is EARLY_STOP, the last CONVERGENCE, and both come from one run.
// train.cpp: the plan. trajectory.cpp: the work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "stages.hpp"

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
  std::int64_t answer_bytes = 0;  // kept of each answer to a test question
  std::string directory;          // of the model
  AbilityFields abilities;        // what is asked beside
  std::vector<std::string> kept;  // which weights store.deltas keeps: "early_stop", "final"
  std::optional<DType> kept_dtype;  // where it keeps any

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
    AbilityFields::fields(self.abilities, field);
    field.local("answer_bytes", self.answer_bytes);
    field.local("directory", self.directory);
    field.local("kept", self.kept);
    field.local("kept_dtype", self.kept_dtype);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  /// lora.* of the deck with this stage's rank; nothing in full fine-tuning.
  std::optional<LoraConfig> lora_config(const Deck& deck) const;
};

}  // namespace factsweep::slick
