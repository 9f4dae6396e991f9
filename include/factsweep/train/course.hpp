// The course of one training, apart from its passes: which examples when, at what rate, and what an
// optimizer step changes (AdamW: Loshchilov and Hutter, arXiv 1711.05101). Trainer has one,
// PackedTrainer many.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/model/safetensors.hpp"
#include "factsweep/text/tokenizer.hpp"

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

/// Summed answer-token loss of some examples, and their number of tokens.
struct StepLoss {
  double sum = 0;
  std::int64_t answer_tokens = 0, tokens = 0;

  void add(const StepLoss& other);
};

class Course {
 public:
  /// Steps `leaves`, of which `masters` are the float32 values (empty: made from the leaves).
  /// `what` is anything else that decides the training: a checkpoint compares it.
  Course(const NamedTensors& leaves, const std::vector<torch::Tensor>& masters, std::string what,
         std::vector<Example> examples, const TrainSettings& settings);

  const TrainSettings& settings() const { return settings_; }
  const std::vector<Example>& examples() const { return examples_; }
  const std::vector<torch::Tensor>& master() const { return master_; }
  std::int64_t steps_per_epoch() const;
  std::int64_t steps() const { return steps_per_epoch() * settings_.epochs; }
  std::int64_t steps_done() const { return step_; }

  /// Members of the next step's batch, in groups for one pass each; shortest first, as neighbours
  /// of equal length waste no attention on padding.
  std::vector<std::vector<std::int64_t>> microbatches() const;
  /// Tokens and answer tokens of all of them.
  StepLoss size_of(const std::vector<std::vector<std::int64_t>>& microbatches) const;
  /// Seeds the dropout of the next step.
  std::uint64_t dropout_seed() const;

  /// One AdamW step with the leaves' gradients, which are gone thereafter.
  void update();
  /// Drops the leaves' gradients.
  void forget_gradients();

  /// Leaves, moments and position, under names that begin with `prefix`.
  void store(const std::string& prefix, NamedTensors& tensors,
             std::map<std::string, std::string>& metadata) const;
  /// What store() put there, read whole and applied to nothing yet. Nothing when it is damaged, or
  /// of another run: other settings (the seed among them), examples or leaves.
  struct State {
    std::vector<torch::Tensor> tensors;
    std::int64_t step = 0;
  };
  std::optional<State> read(const std::string& prefix, const SafetensorsReader& reader) const;
  void apply(const State& state);

 private:
  std::vector<std::int64_t> batch() const;
  double learning_rate() const;
  double clipping() const;
  std::string run() const;

  std::vector<Example> examples_;
  TrainSettings settings_;
  std::string what_;
  NamedTensors leaves_;
  std::vector<torch::Tensor> master_, momentum_, variance_, counts_;
  std::int64_t step_ = 0;
};

}  // namespace factsweep
