// The parameters of one model, fused for speed, named as Hugging Face names them.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/model/config.hpp"
#include "factsweep/model/safetensors.hpp"

namespace factsweep {

// Shapes: D width, Q = heads * head_size, K = kv_heads * head_size, F MLP width, E head size.
// A tensor that the architecture does not have is undefined.

class LinearHook;  // transformer.hpp

struct Linear {
  torch::Tensor weight;  // [out, in]
  torch::Tensor bias;    // [out]
};

struct Norm {
  torch::Tensor gain, bias;  // [D]; on heads [E], [heads E] or [heads, E]
};

/// A matrix of a layer, by its place in the list that the model's family gives of that layer.
/// Several Hugging Face modules may share one: see linear_modules().
using LinearId = std::size_t;

/// The list of a layer of four matrices, which the forward pass computes. A layer with experts has
/// the first two, and all five where it has an MLP beside them.
namespace dense {
inline constexpr LinearId qkv = 0;  // [Q + 2K, D]  q, k, v on top of each other: one product, not
                                    // three
inline constexpr LinearId output = 1;       // [D, Q]
inline constexpr LinearId up = 2;           // [2F, D]  gate on top of up; [F, D] without a gate
inline constexpr LinearId down = 3;         // [D, F]
inline constexpr LinearId shared_gate = 4;  // [1, D]
}  // namespace dense

struct LayerWeights {
  Norm norm_attention, norm_mlp;              // ModelConfig::pre_norms
  Norm norm_after_attention, norm_after_mlp;  // ModelConfig::branch_norms
  Norm norm_query, norm_key;                  // ModelConfig::head_norms
  std::vector<Linear> linears;                // by LinearId
  /// ModelConfig::experts: X of them of width W, each gate on top of up, one after the other.
  torch::Tensor router;        // [X, D]
  torch::Tensor experts_up;    // [2 X W, D]
  torch::Tensor experts_down;  // [X D, W]
  /// xIELU (Huang and Schlag, arXiv 2411.13010): its two parameters [1], before softplus, and what
  /// files store of its constants [].
  torch::Tensor xielu_positive, xielu_negative, xielu_beta, xielu_epsilon;
};

struct Weights {
  ModelConfig config;
  torch::Tensor embedding;  // [V, D]
  torch::Tensor positions;  // [position_offset + positions, D], learned
  Norm norm_embedding;
  std::vector<LayerWeights> layers;
  Norm norm;
  torch::Tensor head;       // [V, D]; the embedding itself when tied
  torch::Tensor head_bias;  // [V]
  /// A term of the model that its matrices do not hold: every pass adds it. No part of named(),
  /// parameters() and clone().
  std::shared_ptr<const LinearHook> adapter;

  /// Reads a Hugging Face directory tensor by tensor: no second copy of the model in host memory.
  /// InputError: see ModelConfig::read and SafetensorsReader; also a tensor that is missing, of
  /// another shape, or left over.
  static Weights load(const std::filesystem::path& directory, torch::Dtype dtype,
                      torch::Device device);
  /// N(0, 0.02^2) matrices (residual projections scaled by 1/sqrt(2 layers), as GPT-2), unit norms,
  /// zero biases.
  static Weights random(const ModelConfig& config, std::uint64_t seed);

  /// Every stored tensor under the name it has in the model's own files; views of the fused ones. A
  /// tied head appears once.
  NamedTensors named() const;
  /// The fused tensors without constants, in a fixed order: what an optimizer steps.
  std::vector<torch::Tensor> parameters() const;
  /// A copy with other storage. `requires_grad` marks the copies as leaves.
  Weights clone(torch::Dtype dtype, bool requires_grad = false) const;
  /// Copies the values of `source` (same shapes, any dtype) into these tensors.
  void assign(const std::vector<torch::Tensor>& source);

  /// config.json and model.safetensors in `directory` (created); the tokenizer is the caller's to
  /// add. A model with an adapter has no such form: merge it first.
  void save(const std::filesystem::path& directory) const;
};

/// Name and shape of every tensor that Weights::named() gives, without allocating any.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensor_shapes(
    const ModelConfig& config);

/// A Hugging Face module, and its rows of a tensor of ours.
struct ModuleRows {
  std::string name;  // as transformers' named_modules() says: "model.layers.3.self_attn.q_proj"
  std::int64_t first = 0, rows = 0;
};

/// A module that is a linear of a layer: its rows of the linear's weight, bias and output.
struct LinearModule : ModuleRows {
  std::int64_t layer = 0;
  LinearId linear = 0;
  std::string linear_name;  // "qkv": the family's, the same in every layer that has it
  std::string in_layer;     // "self_attn.q_proj": the module's name without that of the layer
  std::int64_t inputs = 0;
};

/// The modules of a layer, by linear and row. A module that transformers fuses (GPT-2's c_attn,
/// NeoX's query_key_value) is one entry; its rows are in transformers' own order.
std::vector<LinearModule> linear_modules(const ModelConfig& config, std::int64_t layer);

/// A tensor of biases, and the Hugging Face modules whose biases follow each other in it.
struct BiasTensor {
  torch::Tensor& tensor;
  std::vector<ModuleRows> modules;
};

/// All biases of the model, norms' and the head's among them.
std::vector<BiasTensor> bias_tensors(Weights& weights);

/// The module that owns a stored tensor ("h.0.ln_1.bias" -> "transformer.h.0.ln_1"), as
/// transformers' named_modules() says.
std::string module_name(const ModelConfig& config, std::string_view tensor);

/// "float32" or "bfloat16".
torch::Dtype parse_dtype(std::string_view name);

}  // namespace factsweep
