// StableLM (3B, Zephyr, 2): LayerNorm, rotation of a part of each head; StableLM 2 12B has a norm
// for each head of queries and keys, and one norm for both branches.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_stablelm(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader, {.kv_heads = 32,
                                                .positions = 4096,
                                                .epsilon = 1e-5,
                                                .epsilon_key = "layer_norm_eps",
                                                .rotary_part = 0.25});
  refuse_own_head_size(reader, config);
  config.norm = NormKind::layer;
  config.qkv_bias = reader.flag("use_qkv_bias", false);
  if (reader.flag("qk_layernorm", false)) config.head_norms = HeadNorms::each;
  if (reader.flag("use_parallel_residual", false)) config.residual = Residual::parallel_shared;
  return config;
}

}  // namespace

extern const Family kStableLm;
const Family kStableLm = {{"StableLmForCausalLM"},
                          read_stablelm,
                          {.norm_query = "self_attn.q_layernorm.norms",
                           .norm_key = "self_attn.k_layernorm.norms",
                           .norms_by_head = true}};

}  // namespace factsweep
