// Fine-tuning, full or by an adapter, on answer tokens only, over packed rows. Every random choice
// is keyed by (seed, epoch or step), so a run continued from a checkpoint is the run itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "factsweep/train/course.hpp"
#include "factsweep/train/trainee.hpp"

namespace factsweep {

class Trainer {
 public:
  using StepLoss = factsweep::StepLoss;

  /// Float32 master copies and moments of the trainee's leaves; forward and backward in its own
  /// dtype.
  Trainer(Trainee trainee, std::vector<Example> examples, TrainSettings settings);
  /// Full fine-tuning of a copy of `base`.
  Trainer(const Weights& base, std::vector<Example> examples, TrainSettings settings)
      : Trainer(Trainee::full(base), std::move(examples), settings) {}

  std::int64_t steps_per_epoch() const { return course_.steps_per_epoch(); }
  std::int64_t steps_done() const { return course_.steps_done(); }

  /// One optimizer step on the next batch of the epoch's random order; returns the summed
  /// answer-token loss and the number of answer tokens. Throws std::runtime_error when the loss is
  /// not finite (the weights stay as they were).
  StepLoss step();

  /// The model as it is now, in the working dtype (shares storage with the trainer).
  Weights weights() const;
  /// The float32 master copies, in the order of Trainee::leaves: Weights::parameters() or
  /// LoraAdapter::parameters().
  const std::vector<torch::Tensor>& master() const { return course_.master(); }

  /// Leaves, moments, position; `extra` is the caller's own state. Atomic. EnvironmentError.
  void save(const std::filesystem::path& file, const NamedTensors& extra) const;
  /// Restores what save() wrote; returns the extras. Nothing (and no change) when the file is
  /// absent, damaged or of another run: other settings (the seed among them), examples or leaves.
  std::optional<SafetensorsReader> restore(const std::filesystem::path& file);

 private:
  StepLoss accumulate(std::span<const std::int64_t> members, const StepLoss& of);

  const Trainee trainee_;
  Course course_;
};

}  // namespace factsweep
