// How far forgetting and learning moved each matrix of a model, and in which direction (figures 4
// and 5).
#pragma once

#include <torch/types.h>

#include <functional>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep::flearning {

/// The part of a change that lies in one module: [rows, in] float32; undefined: zero.
using Change = std::function<torch::Tensor(const LinearModule& module)>;

/// after - before, both float32.
Change difference(const Weights& before, const Weights& after);
/// The same of a stored full delta: the values of `delta` themselves.
Change values_of(const Weights& delta);
/// scale B A of the adapted modules.
Change product(const LoraAdapter& adapter);

struct ChangeTable {
  std::vector<float> norm, cosine;  // [layer, module], NaN where the model has no such module
};

/// Norms of `change` and cosines with `other` (NaN where one is zero or `other` is null).
ChangeTable tabulate(const ModelConfig& model, const std::vector<std::string>& modules,
                     std::size_t layers, const Change& change, const Change& other);

}  // namespace factsweep::flearning
