// Settings of the search for a value: what the model would have to compute at the last token of a
// subject so that it goes on with the new answer (ROME, Meng et al., arXiv 2202.05262, section 3.1;
// MEMIT, arXiv 2210.07229, section 4.2; details as in EasyEdit).
#pragma once

#include <cstdint>

namespace factsweep {

/// Adam on delta, which is added at the subject's last token. Loss: mean NLL of the new answer over
/// all contexts + kl_factor * KL(before || now) of the token after the subject in "{subject} is a"
/// + weight_decay * |delta| / |value|^2.
struct ValueSettings {
  double learning_rate = 0.5;
  std::int64_t steps = 25;  // evaluations of the loss; no update follows the last
  double stop_loss = 5e-2;  // an edit whose loss is below is done
  double weight_decay = 1e-3;
  double kl_factor = 0.0625;
  double clamp = 4;  // |delta| <= clamp * |value|
  /// Searched together: speed and memory, not results. A GPU is filled by many; on a CPU core two
  /// are fastest (SmolLM2-135M, bfloat16: 8 s an edit by four, 6 s by two).
  std::int64_t batch_requests = 2;
};

/// How the search of one edit ended.
struct SearchReport {
  double loss = 0;         // the last one computed
  std::int64_t steps = 0;  // updates of delta
};

}  // namespace factsweep
