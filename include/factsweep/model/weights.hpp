// The parameters of one model, fused for speed, named as Hugging Face names them.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "factsweep/model/config.hpp"
#include "factsweep/model/safetensors.hpp"

namespace factsweep {

/// Shapes: D width, Q = heads * head_size, K = kv_heads * head_size, F MLP width.
struct LayerWeights {
  torch::Tensor norm_attention;  // [D]
  torch::Tensor
      qkv;  // [Q + 2K, D]  q, k, v projections on top of each other: one product instead of three
  torch::Tensor output;    // [D, Q]
  torch::Tensor norm_mlp;  // [D]
  torch::Tensor gate_up;   // [2F, D]
  torch::Tensor down;      // [D, F]
};

struct Weights {
  ModelConfig config;
  torch::Tensor embedding;  // [V, D]
  std::vector<LayerWeights> layers;
  torch::Tensor norm;  // [D]
  torch::Tensor head;  // [V, D]; the embedding itself when tied

  /// Reads a Hugging Face directory. InputError: see ModelConfig::read and SafetensorsReader.
  static Weights load(const std::filesystem::path& directory, torch::Dtype dtype,
                      torch::Device device);
  /// N(0, 0.02^2) matrices (residual projections scaled by 1/sqrt(2 layers), as GPT-2), unit norms.
  static Weights random(const ModelConfig& config, std::uint64_t seed);

  /// Every stored tensor under its Hugging Face name; parts of fused matrices are views. A tied
  /// head appears once.
  NamedTensors named() const;
  /// The fused tensors, in a fixed order: what an optimizer steps.
  std::vector<torch::Tensor> parameters() const;
  /// A copy with other storage. `requires_grad` marks the copies as leaves.
  Weights clone(torch::Dtype dtype, bool requires_grad = false) const;
  /// Copies the values of `source` (same shapes, any dtype) into these tensors.
  void assign(const std::vector<torch::Tensor>& source);

  /// config.json and model.safetensors in `directory` (created); the tokenizer is the caller's to
  /// add.
  void save(const std::filesystem::path& directory) const;
};

/// Name and shape of every tensor that Weights::named() gives, without allocating any.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensor_shapes(
    const ModelConfig& config);

/// "float32" or "bfloat16".
torch::Dtype parse_dtype(std::string_view name);

}  // namespace factsweep
