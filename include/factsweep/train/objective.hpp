// What the steps of a training minimise: a mean over the examples of a batch, by one of three rules
// (LossMean, settings.hpp). Full fine-tuning, LoRA, adapters that train together, checkpoints and
// resuming know no more of it than is said here; objectives.hpp has some.
//
// Shape legend: E examples, A answers, R answer tokens of all of them, V vocabulary.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "factsweep/model/weights.hpp"
#include "factsweep/train/example.hpp"

namespace factsweep {

class AnswerPass;  // src/train/answer_pass.hpp

/// What an objective sees: the answers of some examples of one training, in a forward pass. The
/// answers of an example follow each other in the order of Objective::answers(). Valid during
/// Objective::losses().
class ScoredAnswers {
 public:
  ScoredAnswers(const AnswerPass& pass, std::size_t part) : pass_(&pass), part_(part) {}

  const std::vector<const Example*>& examples() const;
  const std::vector<std::int64_t>& lengths() const;  // [A] tokens of each answer

  /// -log p of every answer token after its prompt and the answer so far, [R] float32.
  torch::Tensor token_losses() const;
  /// -log p of every answer, [A] float32: the sums of its tokens.
  torch::Tensor answer_losses() const;
  /// Sums over each example's answer tokens, [E]; values_R: one of each answer token.
  torch::Tensor example_sums(const torch::Tensor& values_R) const;
  /// The scores of all tokens at the place of every answer token, [R, V] float32.
  torch::Tensor logits() const;

  /// The same answers in a pass of `reference`, without dropout and without gradient. `reference`
  /// outlives the pass. Trainings that share a pass and an objective share this one too.
  ScoredAnswers scored_by(const Weights& reference) const;

 private:
  const AnswerPass* pass_;
  std::size_t part_;
};

class Objective {
 public:
  virtual ~Objective() = default;

  /// Everything that decides it but for weights that it compares with: a checkpoint of a training
  /// with other settings is not taken.
  virtual std::string settings() const = 0;
  /// The answers to the example's prompt that are to be scored; none is empty. By default its
  /// answer.
  virtual std::vector<std::span<const TokenId>> answers(const Example& example) const;
  /// What the example adds to the number that a sum of losses is divided by, > 0. By default the
  /// tokens of answers().
  virtual double weight(const Example& example) const;
  /// How many examples it counts as where examples have a mean each (LossMean::example), > 0.
  virtual double share(const Example&) const { return 1; }
  /// The loss of each example of a pass, not divided by anything: [E] float32, whose gradient is
  /// taken.
  virtual torch::Tensor losses(const ScoredAnswers& answers) const = 0;
};

/// Size and weight of an example, with no loss.
StepLoss size_of(const Objective& objective, const Example& example);

/// The cross-entropy of the answer's tokens: the objective where none is named.
std::shared_ptr<const Objective> answer_loss();

}  // namespace factsweep
