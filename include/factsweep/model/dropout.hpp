// Dropout whose draws may come from a generator of one's own, so that trainings that share a pass
// each draw what they would draw alone.
#pragma once

#include <torch/types.h>

#include <optional>

namespace factsweep {

/// x with each element zero with probability p, the others grown by 1 / (1 - p).
torch::Tensor dropout(const torch::Tensor& x, double p,
                      const std::optional<at::Generator>& generator = std::nullopt);

/// A generator like the device's own, with this seed: torch::manual_seed(seed) and the device's own
/// draw the same.
at::Generator seeded_generator(torch::Device device, std::uint64_t seed);

}  // namespace factsweep
