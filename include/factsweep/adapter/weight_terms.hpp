// Sums on the parameters of a model: theta + sum of factor * delta, where a delta is what a
// training changed, kept as tensors or as an adapter. Each parameter is rounded to the model's
// dtype once, after all terms: a small term would else be lost in bfloat16.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep {

/// First and last layer of "0-9", or of "4"; InputError: `where` names the key.
struct LayerRange {
  std::int64_t first = 0, last = 0;
  bool all = true;

  static LayerRange parse(const std::string& text, std::int64_t layers, const std::string& where);
  bool holds(std::int64_t layer) const { return all || (layer >= first && layer <= last); }
};

/// A float32 tensor by its Hugging Face name, read when it is needed.
using TensorSource = std::function<torch::Tensor(const std::string& name, at::IntArrayRef shape)>;

/// One term: factor times a stored delta, or times the product of an adapter's matrices, on the
/// layers of `range`.
struct WeightTerm {
  double factor = 1;
  TensorSource delta = {};                  // of every tensor; or
  std::optional<LoraAdapter> adapter = {};  // of the adapted matrices
  LayerRange range = {};
};

/// Adds the terms in place, a parameter at a time.
void add_terms(Weights& weights, std::span<const WeightTerm> terms);

/// The same in `dtype`: in place where `base` has it, else on a copy.
Weights sum_of(Weights base, std::span<const WeightTerm> terms, torch::Dtype dtype);

}  // namespace factsweep
