// How far the matrices of a model moved by trainings, and in which directions.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "factsweep/adapter/weight_terms.hpp"

namespace factsweep {

/// The part of a change that lies in one module: [rows, in] float32; undefined: zero.
using WeightChange = std::function<torch::Tensor(const LinearModule& module)>;

/// after - before, both float32.
WeightChange difference_of(const Weights& before, const Weights& after);
/// scale B A of the adapted modules.
WeightChange product_of(const LoraAdapter& adapter);
/// What a term adds on all layers at the factor 1. `like` has the model's shapes.
WeightChange whole_change(const WeightTerm& term, const Weights& like);
/// The same on its layers and times its factor.
WeightChange scaled_change(const WeightChange& whole, const WeightTerm& term);

/// The matrices that a table has a place for.
struct Matrices {
  std::vector<std::string> modules;  // names in a layer: "self_attn.q_proj"
  std::size_t layers = 0;            // of the deepest model

  /// Those of all the models, modules in the order in which they occur.
  static Matrices of(std::span<const ModelConfig> models);
};

struct ChangeTable {
  std::vector<float> norm, cosine;  // [layer, module], NaN where the model has no such module
};

/// L2 norms of `change` and cosines with `other` (NaN where one is zero or `other` is null).
ChangeTable tabulate(const ModelConfig& model, const Matrices& matrices, const WeightChange& change,
                     const WeightChange& other = nullptr);

}  // namespace factsweep
