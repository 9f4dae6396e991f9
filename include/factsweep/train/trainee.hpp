// What is trained: a list of named leaves, and the model that they are part of. Full fine-tuning
// trains a copy of every weight; LoRA (Hu et al., arXiv 2106.09685) an adapter beside a base that
// is shared and never written.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "factsweep/adapter/lora.hpp"

namespace factsweep {

struct Trainee {
  NamedTensors leaves;  // in the working dtype, with gradients wanted
  /// The model with these leaves, for one pass: in training, with the masks of the pass, or, where
  /// they are null, as it serves.
  std::function<std::shared_ptr<const Weights>(const std::shared_ptr<const DropoutMasks>& masks)>
      model;

  /// What the last training pass of model() adds to the loss, a mean over that pass's tokens;
  /// empty: nothing.
  std::function<torch::Tensor()> penalty = {};

  std::string settings = {};  // what else decides the training: a checkpoint compares it

  /// Float32 values of the leaves, which training changes in place; empty: made from the leaves.
  std::vector<torch::Tensor> masters = {};

  /// These values under the names of the model's or the adapter's own files, as views.
  std::function<NamedTensors()> named = {};

  static Trainee full(const Weights& base);
  /// Trains `masters` (float32) itself; passes in `dtype`.
  static Trainee full(const Weights& masters, torch::Dtype dtype);
  /// Trains a copy of `start` in base's dtype.
  static Trainee lora(const Weights& base, const LoraAdapter& start);
};

}  // namespace factsweep
