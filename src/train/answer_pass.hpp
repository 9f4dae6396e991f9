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

#include "factsweep/model/transformer.hpp"
#include "factsweep/train/objective.hpp"

namespace factsweep {

/// Prompts and answers, the answers' last tokens left out: they are targets only.
class AnswerPass {
 public:
  /// Adds a part: examples[member] for each of `members`, of one training. The objective and the
  /// examples outlive the pass.
  void add(const Objective& objective, const std::vector<Example>& examples,
           std::span<const std::int64_t> members);
  /// The pass itself; `drop` as in ForwardOptions. The model outlives the pass.
  void run(const Weights& model, const std::function<torch::Tensor(const torch::Tensor&)>& drop);

  /// What the part's objective sees; after run().
  ScoredAnswers part(std::size_t index) const { return ScoredAnswers(*this, index); }

 private:
  friend class ScoredAnswers;
  struct Part {
    const Objective* objective = nullptr;
    std::vector<const Example*> examples;
    std::vector<std::int64_t> lengths;  // [A]
    std::int64_t first_row = 0, rows = 0;
  };

  void add(const Objective& objective, std::vector<const Example*> examples);
  torch::Tensor rows_of(std::size_t part, const torch::Tensor& all) const;
  torch::Tensor token_losses(std::size_t part) const;
  torch::Tensor logits_of(std::size_t part) const;
  ScoredAnswers scored_by(const Weights& reference, std::size_t part) const;

  std::vector<Part> parts_;
  std::vector<std::vector<TokenId>> sequences_;
  std::vector<std::int64_t> rows_, targets_;  // [R]
  std::int64_t tokens_ = 0;

  const Weights* model_ = nullptr;
  bool trains_ = false;  // whether gradients are wanted
  torch::Tensor hidden_RD_;
  // once for all parts, when the first is asked for
  mutable torch::Tensor losses_R_;
  /// By the first of the parts that share it, and the model.
  mutable std::map<std::pair<std::size_t, const Weights*>, std::unique_ptr<AnswerPass>> references_;
};

}  // namespace factsweep
