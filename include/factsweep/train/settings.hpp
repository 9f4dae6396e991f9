// What a training is told besides its examples and its objective.
#pragma once

#include <cstdint>

namespace factsweep {

/// Of what the loss of a batch is the mean.
enum class LossMean {
  token,       // of the losses of all answer tokens of the batch
  example,     // of the examples' means over their own answer tokens
  microbatch,  // of the means over the answer tokens of groups of examples, in the order in which
               // they are drawn: what trainers report that average the losses of micro-batches
};

/// The learning rate after the warm-up, over all steps.
enum class Decay { constant, linear, cosine };

struct TrainSettings {
  LossMean loss = LossMean::token;
  std::int64_t microbatch_examples = 1;  // of a group of LossMean::microbatch
  double learning_rate = 1e-5;
  Decay decay = Decay::constant;
  double final_learning_rate = 0;  // where linear and cosine decay end
  std::int64_t warmup_steps = 0;   // linear, from 0
  std::int64_t batch_size = 128;   // examples a step
  std::int64_t epochs = 50;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  double gradient_clip = 0;  // largest global norm; 0: off
  double dropout = 0.05;     // on embeddings and residual branches
  std::int64_t microbatch_tokens =
      4096;  // tokens of one forward and backward pass; results differ only by rounding
  std::uint64_t seed = 0;
  /// The last so many examples are trained apart from the others: in each epoch, after them or
  /// before them, in a random order of their own. 0: all in one order.
  std::int64_t apart = 0;
  bool apart_first = false;
};

}  // namespace factsweep
