// Phi-1, Phi-1.5 and Phi-2: one norm for both branches, rotation of a part of each head, biases
// everywhere, the head among them.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_phi(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(
      reader, {.epsilon = 1e-5, .epsilon_key = "layer_norm_eps", .rotary_part = 0.5});
  config.norm = NormKind::layer;
  config.activation = reader.activation("hidden_act", "gelu_new");
  config.gated = false;
  config.qkv_bias = config.output_bias = config.mlp_bias = config.head_bias = true;
  config.residual = Residual::parallel_shared;
  if (reader.flag("qk_layernorm", false)) config.head_norms = HeadNorms::shared;
  return config;
}

}  // namespace

extern const Family kPhi;
const Family kPhi = {{"PhiForCausalLM"},
                     read_phi,
                     {.norm_query = "self_attn.q_layernorm",
                      .norm_key = "self_attn.k_layernorm",
                      .output = "self_attn.dense",
                      .up = {"mlp.fc1"},
                      .down = "mlp.fc2",
                      .norm = "final_layernorm"}};

}  // namespace factsweep
