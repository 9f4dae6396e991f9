// What a training is told besides its examples and its objective.
#pragma once

#include <cstdint>

namespace factsweep {

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

}  // namespace factsweep
