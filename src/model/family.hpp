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
  bool norms_by_head = false;  // HeadNorms::each: a module for each head, norm_query + ".0", ...
  std::string output = "self_attn.o_proj";
  std::string norm_after_attention = {};
  std::string norm_mlp = "post_attention_layernorm";
  std::vector<std::string> up = {"mlp.gate_proj", "mlp.up_proj"};
  std::string down = "mlp.down_proj";
  std::string norm_after_mlp = {};
  /// Of Residual::parallel instead of norm_attention and norm_mlp, where the names differ.
  std::vector<std::string> parallel_norms = {};
  std::string xielu = {};  // the module of an activation with parameters
  std::string router = "mlp.gate", experts = "mlp.experts.", shared = "mlp.shared_expert";
  std::vector<std::string> expert_up = {"gate_proj", "up_proj"};
  std::string expert_down = "down_proj";
  std::string norm = "norm";
  std::vector<std::string> heads = {"lm_head"};  // the first is ours to write, all are read
  bool transposed = false;                       // matrices of the layers stored [in, out]
  std::vector<std::string> buffers = {".rotary_emb.inv_freq"};  // endings; stored but no parameters
};

enum class Init { zero, one, normal, residual, value };

/// A norm of a layer; names of modules without that of the layer, here and below.
struct NormSpec {
  Norm LayerWeights::*place;
  std::string name;
  std::int64_t size;
  bool has_bias = false;
  std::int64_t heads = 0;  // a gain of `size` for each of these; 0: one gain
  bool by_head = false;    // each in a module of its own
};

/// A number of a layer, stored under this very name.
struct ScalarSpec {
  torch::Tensor LayerWeights::*place;
  std::string name;
  double initial;
  bool is_constant;  // stored, but nothing trains it; a tensor without dimensions
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

/// A matrix of a layer that no hook is asked about.
struct MatrixSpec {
  torch::Tensor LayerWeights::*place;
  std::int64_t inputs;
  std::vector<LinearSpec::Module> modules;  // on top of each other
  Init init;
};

using LayerPart = std::variant<NormSpec, LinearSpec, ScalarSpec, MatrixSpec>;

/// Layers of one attention and one MLP, or experts in its place: dense.cpp.
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

/// What a family of Llama's keys takes for those that are absent, and what else sets its keys
/// apart.
struct LlamaDefaults {
  std::int64_t head_size = 0;  // 0: width / heads
  std::int64_t kv_heads = 0;   // 0: as many as heads
  std::int64_t positions = 2048;
  double theta = 10000;
  double epsilon = 1e-6;
  const char* epsilon_key = "rms_norm_eps";
  bool tied_head = false;
  double rotary_part = 0;  // partial_rotary_factor; 0: all of a head turns, another part is refused
  bool own_activation = false, own_rope = false;  // the family reads these itself
};

/// Sizes, activation and rotary embedding under the keys that Llama introduced and most later
/// families share.
ModelConfig read_llama_keys(const ConfigReader& reader, const LlamaDefaults& defaults = {});
/// Refuses a partial_rotary_factor other than 1, wherever it stands.
void refuse_partial_rotation(const ConfigReader& reader);
/// Refuses a head_dim other than hidden size / heads, and sizes that heads do not divide.
void refuse_own_head_size(const ConfigReader& reader, const ModelConfig& config);
/// rope_parameters (transformers 5) or rope_theta and rope_scaling (before).
RopeConfig read_rope(const ConfigReader& reader, double default_theta, std::int64_t positions);
/// Sets rope and window_rope: rope_parameters of each layer type, or what came before.
void read_rope_by_layer_type(const ConfigReader& reader, double theta, double window_theta,
                             ModelConfig& config);
/// "num_experts" or "num_local_experts", two names of one key.
std::int64_t read_expert_count(const ConfigReader& reader, std::int64_t fallback);
/// Sets which layers have experts: neither those that "mlp_only_layers" names nor those that
/// "decoder_sparse_step" passes over.
void read_sparse_layers(const ConfigReader& reader, ModelConfig& config);
/// The parameters of one object, for families with one per layer type.
RopeConfig read_rope_object(const ConfigReader& object, double theta, std::int64_t positions);
/// One size for all layers under "sliding_window"; null and absence: none. Refuses "layer_types".
std::vector<std::int64_t> read_one_window(const ConfigReader& reader, std::int64_t layers);
/// ModelConfig::windows from "layer_types"; `sliding(i)` where the key is absent. Empty when no
/// layer slides.
std::vector<std::int64_t> read_windows(const ConfigReader& reader, std::int64_t layers,
                                       bool (*sliding)(const ConfigReader&, std::int64_t));

}  // namespace factsweep
