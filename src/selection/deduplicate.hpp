// Near-duplicates among the chosen: equation 14 of arXiv 2408.15915 and its alternatives.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace factsweep {

/// Which of rows [C, D] (CPU, float32, length 1) stay, given the most wanted first: one goes when
/// its cosine to an earlier one is above tau; with `only_staying`, to an earlier one that stays.
/// Compared by float32 products of `block` x `block` rows, near ties to tau by exact_product().
std::vector<bool> staying(const torch::Tensor& rows_CD, double tau, bool only_staying,
                          std::int64_t block);

}  // namespace factsweep
