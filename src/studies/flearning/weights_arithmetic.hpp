// theta' = theta - lambda * theta_delta_old (equations 4 and 7) on the parameters of a model, each
// rounded to the model's dtype once, after all terms: a small term would else be lost in bfloat16.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/model/weights.hpp"
#include "grid.hpp"

namespace factsweep::flearning {

/// A float32 tensor by its Hugging Face name, read when it is needed.
using TensorSource = std::function<torch::Tensor(const std::string& name, at::IntArrayRef shape)>;

/// One term: factor times a stored delta, or times the product of an adapter's matrices, on the
/// layers of `range`.
struct Term {
  double factor = 1;
  TensorSource delta;                  // of every tensor; or
  std::optional<LoraAdapter> adapter;  // of the adapted matrices
  LayerRange range;
};

/// Adds the terms in place, a parameter at a time.
void add_terms(Weights& weights, std::span<const Term> terms);

/// The layer that a tensor of this name belongs to; -1: none (embeddings, last norm, head).
std::int64_t layer_of(const ModelConfig& config, const std::string& tensor);

}  // namespace factsweep::flearning
