// The one place that knows which tensors a model of a config has, of which shapes, and which
// Hugging Face tensors lie in each.
#pragma once

#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

#include "family.hpp"

namespace factsweep {

/// A Hugging Face tensor: rows [first, first + rows) of ours, transposed or not.
struct Piece {
  std::string name;
  std::int64_t first = 0, rows = 0;
  bool transposed = false;

  /// Its view of our tensor. One without dimensions is its own piece.
  torch::Tensor of(const torch::Tensor& fused) const;
  /// Its shape, given that of our tensor.
  std::vector<std::int64_t> shape(const std::vector<std::int64_t>& fused) const;
};

struct Parameter {
  torch::Tensor& tensor;
  std::vector<std::int64_t> shape;
  Init init;
  std::vector<Piece> pieces;  // from the first row on, without gaps
  double value = 0;           // Init::value
  bool is_constant = false;   // stored, but nothing trains it
};

/// Every tensor of weights.config, in a fixed order; a tied head is none of its own. Makes
/// weights.layers as long as the config says.
void for_each_parameter(Weights& weights, const std::function<void(const Parameter&)>& visit);

}  // namespace factsweep
