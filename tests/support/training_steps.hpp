// A trainer on reference sequences, a step at a time, and what it has done to tensors.
#pragma once

#include <algorithm>
#include <vector>

#include "factsweep/train/trainer.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

/// The last tokens of each sequence are its answer.
inline std::vector<Example> reference_examples(const Reference& reference) {
  constexpr std::size_t kAnswer = 5;
  std::vector<Example> examples;
  for (const auto& sequence : reference.sequences) {
    const auto cut = sequence.end() - kAnswer;
    examples.push_back({{sequence.begin(), cut}, {cut, sequence.end()}});
  }
  return examples;
}

/// Of one step, over its answer tokens.
inline double mean_loss(Trainer& trainer) {
  const Trainer::StepLoss loss = trainer.step();
  return loss.sum / static_cast<double>(loss.answer_tokens);
}

inline std::vector<double> losses(Trainer& trainer, int steps) {
  std::vector<double> list;
  for (int i = 0; i < steps; ++i) list.push_back(mean_loss(trainer));
  return list;
}

inline std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> list;
  for (const torch::Tensor& tensor : tensors) list.push_back(tensor.detach().clone());
  return list;
}

inline bool equal(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const torch::Tensor& x, const torch::Tensor& y) { return torch::equal(x, y); });
}

}  // namespace factsweep::test
