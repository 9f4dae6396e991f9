// The sum that all low-rank adapters come down to: some rows and columns of a linear's output get a
// thin product more. Plain, mixed and packed adapters differ in what they multiply, not in this.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace factsweep {

/// y[row : row + n, column : column + m] += scale * h B^T.
struct LowRankTerm {
  torch::Tensor h;  // [n, r]
  torch::Tensor B;  // [m, r]
  std::int64_t row = 0, column = 0;
  double scale = 1;
};

/// y [N, out] and the terms, written into y itself; differentiable in y and in every h and B.
/// Neither a leaf nor a view may stand for y, nor a tensor that another gradient needs.
torch::Tensor add_low_rank(const torch::Tensor& y, const std::vector<LowRankTerm>& terms);

}  // namespace factsweep
