// The course of one training, apart from its passes: which examples when (BatchOrder), at what rate
// (Schedule), what a step changes (AdamW), and how far the training is. Trainer has one,
// PackedTrainer many.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "factsweep/train/adamw.hpp"
#include "factsweep/train/batch_order.hpp"
#include "factsweep/train/example.hpp"
#include "factsweep/train/objective.hpp"
#include "factsweep/train/schedule.hpp"
#include "factsweep/train/settings.hpp"
#include "factsweep/train/training_state.hpp"

namespace factsweep {

/// Examples of a batch that share a pass.
struct BatchPart {
  std::vector<std::int64_t> members;  // numbers of examples
  std::vector<double> factors;        // what each one's loss is multiplied by; empty: 1
  StepLoss size;                      // of them, without a loss
};

/// The examples of a step. What it minimises is the sum of all losses times their factors, divided
/// by size.weight.
struct Batch {
  std::vector<BatchPart> parts;  // one a pass
  StepLoss size;
};

/// Why a training that diverged at step `step` is given up.
std::string not_finite(std::int64_t step);

class Course {
 public:
  /// Steps `leaves`, of which `masters` are the float32 values (see AdamW). `what` is anything else
  /// that decides the training: a checkpoint compares it.
  Course(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters,
         const std::string& what, std::vector<Example> examples, const TrainSettings& settings,
         std::shared_ptr<const Objective> objective = answer_loss());

  const TrainSettings& settings() const { return settings_; }
  /// With an example for each answer that takes turns, behind those that were given.
  const std::vector<Example>& examples() const { return examples_; }
  const Objective& objective() const { return *objective_; }
  const std::vector<torch::Tensor>& master() const { return adamw_.master(); }

  std::int64_t steps_per_epoch() const { return order_.steps_per_epoch(); }
  std::int64_t steps() const { return steps_per_epoch() * settings_.epochs; }
  std::int64_t steps_done() const { return step_; }
  std::int64_t epochs_done() const { return step_ / steps_per_epoch(); }
  /// Whether a step is left, and the training was not given up.
  bool is_active() const { return failure_.empty() && step_ < steps(); }
  /// Why the training was given up; empty: it was not.
  const std::string& failure() const { return failure_; }

  /// Of the next step.
  Batch next_batch() const;
  /// See BatchOrder::halve_passes(); of the next step.
  std::int64_t halve_passes() { return order_.halve_passes(order_.batch(step_)); }
  /// Keys the dropout of the next step.
  std::uint64_t dropout_key() const;

  /// After each pass of a step that takes several: see AdamW::collect().
  void collect() { adamw_.collect(); }
  /// See AdamW::gradient_norm(); after the step's last pass.
  torch::Tensor gradient_norm() const { return adamw_.gradient_norm(); }
  /// One AdamW step with the gradients of the step's passes, which are gone thereafter. `norm`:
  /// gradient_norm()'s value.
  void update(double norm);
  /// Drops the leaves' gradients.
  void forget_gradients() { adamw_.forget_gradients(); }
  /// Gives the training up: the leaves stay as they are.
  void fail(const std::string& reason);

  /// Shares storage with the training.
  TrainingState state() const;
  /// Takes the values of a state of this run, which TrainingState::read() has found good.
  void apply(const TrainingState& state);

 private:
  std::vector<double> shares(const std::vector<std::int64_t>& batch) const;
  std::vector<std::int64_t> drawn() const;

  /// [example as given][turn]: number in examples_; empty where no example has several answers.
  std::vector<std::vector<std::int64_t>> turns_;
  std::vector<Example> examples_;
  TrainSettings settings_;
  std::shared_ptr<const Objective> objective_;
  std::vector<StepLoss> sizes_;  // of the examples
  BatchOrder order_;
  Schedule schedule_;
  AdamW adamw_;
  std::string run_;
  std::int64_t step_ = 0;
  std::string failure_;
};

}  // namespace factsweep
