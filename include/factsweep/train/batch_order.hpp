// Which examples a step sees: a random order of all examples for each epoch, or of two parts of
// them one after the other, cut into batches.
#pragma once

#include <cstdint>
#include <vector>

#include "factsweep/train/settings.hpp"

namespace factsweep {

/// A pure function of (seed, epoch): nothing of it has to be saved.
class BatchOrder {
 public:
  /// tokens[i]: of example i. The first `count` are drawn, and the others may stand for them in
  /// passes(). Reads batch_size, microbatch_tokens, seed and apart of `settings`.
  BatchOrder(std::vector<std::int64_t> tokens, const TrainSettings& settings, std::size_t count);
  /// All are drawn.
  BatchOrder(const std::vector<std::int64_t>& tokens, const TrainSettings& settings)
      : BatchOrder(tokens, settings, tokens.size()) {}

  /// The last batch of an epoch may be smaller than the others. One at the border of two parts has
  /// examples of both, so that a training has the same steps in whatever order.
  std::int64_t steps_per_epoch() const;
  /// The examples of step `step` (from 0, over all epochs), as they are drawn.
  std::vector<std::int64_t> batch(std::int64_t step) const;
  /// A batch in groups for one pass each. Shortest first, as neighbours of equal length waste no
  /// attention on padding. A group holds at most microbatch_tokens tokens, or a single example.
  std::vector<std::vector<std::int64_t>> passes(std::vector<std::int64_t> batch) const;
  /// From now on passes have at most half as many tokens as the largest of this batch, or a single
  /// example. Returns how many.
  std::int64_t halve_passes(const std::vector<std::int64_t>& batch);

 private:
  /// All that are drawn, as the epoch has them.
  std::vector<std::int64_t> order(std::int64_t epoch) const;

  std::vector<std::int64_t> tokens_;
  std::int64_t count_, apart_, batch_size_, microbatch_tokens_;
  bool apart_first_;
  std::uint64_t seed_;
};

}  // namespace factsweep
