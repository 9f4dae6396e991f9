// GLM-4 (9B: GlmForCausalLM) and GLM-4-0414 (with norms after the branches, too): rotation of
// neighbouring pairs in a part of each head, gate and up fused.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_glm(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader, {.head_size = 128,
                                                .kv_heads = 2,
                                                .positions = 131072,
                                                .epsilon = 1.5625e-7,
                                                .rotary_part = 0.5});
  config.qkv_bias = reader.flag("attention_bias", true);
  config.rotary_interleaved = true;
  return config;
}

ModelConfig read_glm4(const ConfigReader& reader) {
  ModelConfig config = read_glm(reader);
  config.branch_norms = true;
  return config;
}

}  // namespace

extern const Family kGlm, kGlm4;
const Family kGlm = {{"GlmForCausalLM"}, read_glm, {.up = {"mlp.gate_up_proj"}}};
const Family kGlm4 = {{"Glm4ForCausalLM"},
                      read_glm4,
                      {.norm_after_attention = "post_self_attn_layernorm",
                       .up = {"mlp.gate_up_proj"},
                       .norm_after_mlp = "post_mlp_layernorm"}};

}  // namespace factsweep
