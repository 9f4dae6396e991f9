// Second moments as the editors use them: found, and factored for solving.
#pragma once

#include <torch/types.h>

#include "factsweep/edit/second_moment.hpp"

namespace factsweep {

/// The moment of a layer on `device`, float64 [F, F].
torch::Tensor moment_of(const SecondMoments& moments, std::int64_t layer, torch::Device device);

/// Lower Cholesky factor of a sum with the layer's moment. InputError when it is not positive
/// definite: the text of `moments` shows too few directions.
torch::Tensor factor(const torch::Tensor& matrix_FF, const SecondMoments& moments,
                     std::int64_t layer);

}  // namespace factsweep
