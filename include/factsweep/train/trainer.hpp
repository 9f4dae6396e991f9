// Fine-tuning, full or by an adapter, on answer tokens only, over packed rows. Every random choice
// is keyed by (seed, epoch or step, example), so a run continued from a checkpoint is the run
// itself.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "factsweep/train/trainee.hpp"
#include "factsweep/train/training.hpp"

namespace factsweep {

class Trainer : public Training {
 public:
  using StepLoss = factsweep::StepLoss;

  /// Float32 master copies and moments of the trainee's leaves; forward and backward in its own
  /// dtype.
  Trainer(Trainee trainee, std::vector<Example> examples, TrainSettings settings,
          std::shared_ptr<const Objective> objective = answer_loss());
  /// Full fine-tuning of a copy of `base`.
  Trainer(const Weights& base, std::vector<Example> examples, TrainSettings settings,
          std::shared_ptr<const Objective> objective = answer_loss())
      : Trainer(Trainee::full(base), std::move(examples), settings, std::move(objective)) {}

  std::int64_t steps_per_epoch() const { return course(0).steps_per_epoch(); }
  std::int64_t steps_done() const { return course(0).steps_done(); }

  /// One optimizer step on the next batch of the epoch's random order; returns what the batch adds
  /// up to. Throws std::runtime_error when the loss is not finite (the weights stay as they were).
  StepLoss step();
  std::vector<StepLoss> advance() override { return {step()}; }

  /// The model as it is now, in the working dtype (shares storage with the trainer).
  Weights weights() const;
  /// The float32 master copies, in the order of Trainee::leaves: Weights::parameters() or
  /// LoraAdapter::parameters().
  const std::vector<torch::Tensor>& master() const { return course(0).master(); }
  /// The same under the names of Weights::named() or LoraAdapter::named(): views, no copies. See
  /// for_each_difference(). Not for a trainee without Trainee::named.
  NamedTensors named() const;

 private:
  torch::Tensor accumulate(const BatchPart& part, const StepLoss& of);

  const Trainee trainee_;
};

}  // namespace factsweep
