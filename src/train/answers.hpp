// A forward pass of training: examples end to end, and the loss of every answer token.
#pragma once

#include <torch/types.h>

#include <functional>
#include <span>
#include <vector>

#include "factsweep/model/transformer.hpp"
#include "factsweep/train/course.hpp"

namespace factsweep {

/// Prompts and answers, the answers' last tokens left out: they are targets only.
class AnswerBatch {
 public:
  /// Adds examples[member] for each of `members`; returns their size.
  StepLoss add(const std::vector<Example>& examples, std::span<const std::int64_t> members);

  std::int64_t tokens() const { return tokens_; }
  /// Loss of every answer token in the order of addition, [R] float32. `drop` as in ForwardOptions.
  torch::Tensor losses(const Weights& model,
                       const std::function<torch::Tensor(const torch::Tensor&)>& drop) const;

 private:
  std::vector<std::vector<TokenId>> sequences_;
  std::vector<std::int64_t> rows_, targets_;
  std::int64_t tokens_ = 0;
};

}  // namespace factsweep
