// Fine-tuning, full or by LoRA: AdamW (Loshchilov and Hutter, arXiv 1711.05101) on answer tokens
// only, over packed rows. Every random choice is keyed by (seed, epoch or step), so a run continued
// from a checkpoint is the run itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/text/tokenizer.hpp"
#include "factsweep/train/trainee.hpp"

namespace factsweep {

/// Loss is taken on `answer` (its end included), given `prompt`.
struct Example {
  std::vector<TokenId> prompt, answer;
};

struct TrainSettings {
  double learning_rate = 1e-5;
  double final_learning_rate = -1;  // >= 0: cosine decay to it over all steps; < 0: constant
  std::int64_t warmup_steps = 0;    // linear, from 0
  std::int64_t batch_size = 128;    // examples a step
  std::int64_t epochs = 50;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  double gradient_clip = 0;  // largest global norm; 0: off
  double dropout = 0.05;     // on embeddings and residual branches
  std::int64_t microbatch_tokens =
      4096;  // tokens of one forward and backward pass; results differ only by rounding
  std::uint64_t seed = 0;
};

class Trainer {
 public:
  /// Float32 master copies and moments of the trainee's leaves; forward and backward in its own
  /// dtype.
  Trainer(Trainee trainee, std::vector<Example> examples, TrainSettings settings);
  /// Full fine-tuning of a copy of `base`.
  Trainer(const Weights& base, std::vector<Example> examples, TrainSettings settings)
      : Trainer(Trainee::full(base), std::move(examples), settings) {}

  std::int64_t steps_per_epoch() const;
  std::int64_t steps_done() const { return step_; }

  /// One optimizer step on the next batch of the epoch's random order; returns the summed
  /// answer-token loss and the number of answer tokens. Throws std::runtime_error when the loss is
  /// not finite (the weights stay as they were).
  struct StepLoss {
    double sum = 0;
    std::int64_t answer_tokens = 0, tokens = 0;
  };
  StepLoss step();

  /// The model as it is now, in the working dtype (shares storage with the trainer).
  Weights weights() const;
  /// The float32 master copies, in the order of Trainee::leaves: Weights::parameters() or
  /// LoraAdapter::parameters().
  const std::vector<torch::Tensor>& master() const { return master_; }

  /// Leaves, moments, position; `extra` is the caller's own state. Atomic. EnvironmentError.
  void save(const std::filesystem::path& file, const NamedTensors& extra) const;
  /// Restores what save() wrote; returns the extras. Nothing (and no change) when the file is
  /// absent, damaged or of another run: other settings (the seed among them), examples or leaves.
  std::optional<SafetensorsReader> restore(const std::filesystem::path& file);

 private:
  std::vector<std::int64_t> batch(std::int64_t step) const;
  StepLoss accumulate(std::span<const std::int64_t> members, std::int64_t answer_tokens);
  double learning_rate(std::int64_t step) const;
  std::string run() const;

  const std::vector<Example> examples_;
  const TrainSettings settings_;
  const Trainee trainee_;
  std::vector<torch::Tensor> parameters_;  // the trainee's leaves
  std::vector<torch::Tensor> master_, momentum_, variance_, counts_;
  std::int64_t step_ = 0;
};

}  // namespace factsweep
