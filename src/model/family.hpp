// What sets one family of models apart: how its config.json reads as our switches, and what its
// checkpoints call our tensors. A new family is one file in families/ and one line in registry.cpp.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "config_reader.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep {

/// Names of modules; ".weight" and ".bias" follow. Those of a layer come after root + layers +
/// number + "." The defaults are Llama's. A name whose tensors the config does not have is unused.
struct CheckpointNames {
  std::string root = "model.";  // files saved from the bare model lack it
  std::string embedding = "embed_tokens", positions = {}, norm_embedding = {};
  std::string layers = "layers.";
  std::string norm_attention = "input_layernorm";
  std::vector<std::string> qkv = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
  std::string norm_query = "self_attn.q_norm", norm_key = "self_attn.k_norm";
  std::string output = "self_attn.o_proj";
  std::string norm_after_attention = {};
  std::string norm_mlp = "post_attention_layernorm";
  std::vector<std::string> up = {"mlp.gate_proj", "mlp.up_proj"};
  std::string down = "mlp.down_proj";
  std::string norm_after_mlp = {};
  std::string norm = "norm";
  std::vector<std::string> heads = {"lm_head"};  // the first is ours to write, all are read
  bool transposed = false;                       // matrices of the layers stored [in, out]
  std::vector<std::string> buffers = {".rotary_emb.inv_freq"};  // endings; stored but no parameters
};

enum class Init { zero, one, normal, residual };

/// A norm of a layer; names of modules without that of the layer, here and below.
struct NormSpec {
  Norm LayerWeights::*place;
  std::string name;
  std::int64_t size;
};

/// A matrix of a layer.
struct LinearSpec {
  struct Module {
    std::string name;
    std::int64_t rows;
  };
  std::string name;  // what this program calls it: no other of the layer has the name
  std::int64_t inputs;
  std::vector<Module> modules;  // on top of each other
  bool has_bias;
  Init init;
};

using LayerPart = std::variant<NormSpec, LinearSpec>;

/// dense.cpp
std::vector<LayerPart> dense_layer(const ModelConfig& config, const CheckpointNames& names,
                                   std::int64_t layer);

struct Family {
  std::vector<std::string> architectures;  // config.json's "architectures"
  /// Everything but architecture, eos, source and stored names.
  ModelConfig (*read)(const ConfigReader& reader);
  CheckpointNames names;
  /// What layer `layer` consists of, in the order of its parameters; a LinearId counts its
  /// matrices.
  std::vector<LayerPart> (*layer)(const ModelConfig& config, const CheckpointNames& names,
                                  std::int64_t layer) = dense_layer;
};

/// Null when no family knows the architecture.
const Family* find_family(const std::string& architecture);
/// `config.family`, which must be set.
const Family& family_of(const ModelConfig& config);
std::vector<std::string> supported_architectures();

/// Sizes, biases, rotary embedding and layer types under the keys that Llama introduced and most
/// later families share.
ModelConfig read_llama_keys(const ConfigReader& reader);
/// rope_parameters (transformers 5) or rope_theta and rope_scaling (before).
RopeConfig read_rope(const ConfigReader& reader, double default_theta, std::int64_t positions);
/// The parameters of one object, for families with one per layer type.
RopeConfig read_rope_object(const ConfigReader& object, double theta, std::int64_t positions);
/// ModelConfig::windows from "layer_types"; `sliding(i)` where the key is absent. Empty when no
/// layer slides.
std::vector<std::int64_t> read_windows(const ConfigReader& reader, std::int64_t layers,
                                       bool (*sliding)(const ConfigReader&, std::int64_t));

}  // namespace factsweep
