// What stages are foreseen to hold on a device beyond the model's own weights in model.dtype, in
// bytes of tensors. tests/benchmarks/device_memory.py sets it beside what a device held.
#pragma once

#include "factsweep/deck/deck.hpp"
#include "factsweep/model/config.hpp"
#include "factsweep/studies/support/lengths.hpp"
#include "factsweep/studies/support/trained_part.hpp"

namespace factsweep {

/// Of a training.
struct TrainingMemory {
  double most = 0;         // at any time
  double activations = 0;  // of these, what smaller passes make less
  double between = 0;      // between steps: masters, moments, and an adapter's own weights
};

/// What a step of a training takes: batches of so many texts each, and adapters that are trained
/// together.
struct StepSize {
  double texts = 1, batches = 1, adapters = 1;
};

/// Of training `part` of the model. A step goes in passes of train.microbatch_tokens.
TrainingMemory training_memory(const Deck& deck, const ModelConfig& model, const TrainedPart& part,
                               const Lengths& lengths, const StepSize& step);

/// A checkpoint of the same: masters and two moments in float32.
double checkpoint_bytes(const TrainedPart& part);

/// What the forward pass leaves for the backward pass of `part`, without logits. Attention of half
/// precision that needs no mask is taken to be one operator, which keeps its inputs, else plain
/// products.
double activation_bytes(const Deck& deck, const ModelConfig& model, const TrainedPart& part,
                        const PassTexts& pass);

/// Logits in float32 of the answers, their log-probabilities and the gradient of these.
double logit_bytes(const ModelConfig& model, double answers);

/// One layer at work in a pass without gradients, after `prefix` tokens whose keys and values are
/// kept.
double working_bytes(const Deck& deck, const ModelConfig& model, const PassTexts& pass,
                     double prefix = 0);

/// What a pass takes that asks for the next tokens, after `prefix` tokens that texts share: keys
/// and values that stay for later passes, working_bytes(), and find_candidates().
double asking_bytes(const Deck& deck, const ModelConfig& model, const PassTexts& pass,
                    double prefix = 0);

/// float32 copies of the largest matrix and of its change, while a stored change is added.
double merging_bytes(const ModelConfig& model);

}  // namespace factsweep
