// A training that the study has a kind of, as a part of a stage.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/train/loop.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

struct Lesson {
  std::string section;  // of the deck: "original", "forget"; "learn", which teaches new answers
  bool lora = false;    // else full fine-tuning

  /// What teach() reads of the deck.
  std::vector<std::string> deck_keys() const;
  Cost cost(const Draft& draft) const;
  /// A full fine-tuning makes the weights that it starts from its float32 masters; an adapter lies
  /// beside a model in model.dtype.
  torch::Dtype start_dtype(const Deck& deck) const;
};

struct Taught {
  Model model;                              // in model.dtype
  Weights weights = {};                     // float32, of full fine-tuning
  std::optional<LoraAdapter> adapter = {};  // float32, of LoRA
  LoopResult record = {};
};

Taught teach(StageRun& run, const Lesson& lesson, std::uint64_t seed, Model start,
             std::span<const EditRecord> records);

/// A training on the old answers, which serves many points, has a record of its own.
inline const auto kOldLoss =
    column<double>("/tuning/{key}/loss", {"epoch"}, "nat", "training loss on the old answers");
inline const auto kOldSeconds =
    shared(column<double>("/tuning/{key}/seconds", {"one"}, "s", "wall time of the training"));
void place_record(PlanBuilder& builder, Upstream stage, const Lesson& lesson);
void emit_record(StageRun& run, const LoopResult& record);

/// Emits kLossRose: of any training that the point's model comes of, the original one, that of
/// theta_delta_old, and `own`, by epoch, where there are such.
void emit_loss_rose(StageRun& run, const ModelConfig& model, const Ground& ground,
                    const std::optional<Upstream>& delta = {}, const std::vector<double>& own = {});

}  // namespace factsweep::flearning
