// A forward pass of training: examples of one or many trainings end to end, and what objectives ask
// of it.
//
// Shape legend: A answers, R answer tokens, D width, V vocabulary.
#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "factsweep/model/dropout.hpp"
#include "factsweep/model/transformer.hpp"
#include "factsweep/train/objective.hpp"

namespace factsweep {

/// Prompts and answers, the answers' last tokens left out: they are targets only.
class AnswerPass {
 public:
  /// Adds a part: examples[member] for each of `members`, of one training. The objective and the
  /// examples outlive the pass. `dropout_key`: of the training and its step.
  void add(const Objective& objective, const std::vector<Example>& examples,
           std::span<const std::int64_t> members, std::uint64_t dropout_key);
  /// Masks of everything that was added, for the model and for `drop`.
  std::shared_ptr<const DropoutMasks> masks(torch::Device device) const;
  /// The pass itself; `drop` as in ForwardOptions. The model outlives the pass.
  void run(const Weights& model,
           const std::function<torch::Tensor(const torch::Tensor&, std::int64_t)>& drop);

  /// What the part's objective sees; after run().
  ScoredAnswers part(std::size_t index) const { return ScoredAnswers(*this, index); }

 private:
  friend class ScoredAnswers;
  struct Part {
    const Objective* objective = nullptr;
    std::vector<const Example*> examples;
    std::vector<std::int64_t> lengths;       // [A]
    std::vector<std::int64_t> example_rows;  // [E] of each example's answers together
    std::int64_t first_row = 0, rows = 0;
    torch::Tensor lengths_A, example_rows_E;  // the same on the device, after run()
  };

  void add(const Objective& objective, std::vector<const Example*> examples,
           const std::vector<std::uint64_t>& keys);
  torch::Tensor rows_of(std::size_t part, const torch::Tensor& all) const;
  torch::Tensor token_losses(std::size_t part) const;
  torch::Tensor logits_of(std::size_t part) const;
  ScoredAnswers scored_by(const Weights& reference, std::size_t part) const;

  std::vector<Part> parts_;
  std::vector<std::vector<TokenId>> sequences_;
  std::vector<DropoutMasks::Text> texts_;      // the same, as masks know them
  std::vector<std::int64_t> rows_, targets_;  // [R]
  std::int64_t tokens_ = 0;

  const Weights* model_ = nullptr;
  bool trains_ = false;  // whether gradients are wanted
  torch::Tensor hidden_RD_, targets_R_;
  // once for all parts, when the first is asked for
  mutable torch::Tensor losses_R_;
  /// By the first of the parts that share it, and the model.
  mutable std::map<std::pair<std::size_t, const Weights*>, std::unique_ptr<AnswerPass>> references_;
};

/// For AnswerPass::run(), on embeddings and residual branches; empty where p is 0.
std::function<torch::Tensor(const torch::Tensor&, std::int64_t)> residual_dropout(
    const std::shared_ptr<const DropoutMasks>& masks, double p);
/// Names the mask of ForwardOptions::drop's `place`.
std::uint64_t residual_place(std::int64_t place);

/// The sum of a part's losses, each times its factor (empty: 1); a scalar.
torch::Tensor sum_of(const Objective& objective, const ScoredAnswers& answers,
                     const std::vector<double>& factors);

}  // namespace factsweep
