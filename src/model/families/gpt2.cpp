// GPT-2 (and DistilGPT-2): learned positions, LayerNorm, matrices stored transposed.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_gpt2(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("n_embd");
  config.layers = reader.layers("n_layer");
  config.heads = config.kv_heads = reader.size("n_head");
  config.head_size = config.width / config.heads;
  config.mlp_width = reader.size("n_inner", 4 * config.width);
  config.position = PositionKind::learned;
  config.positions = reader.size("n_positions", 1024);
  config.norm = NormKind::layer;
  config.norm_epsilon = reader.positive("layer_norm_epsilon", 1e-5);
  config.activation = reader.activation("activation_function", "gelu_new");
  config.gated = false;
  config.qkv_bias = config.output_bias = config.mlp_bias = true;
  config.tied_head = reader.flag("tie_word_embeddings", true);
  if (!reader.flag("scale_attn_weights", true)) config.attention_scale = 1;
  config.scale_by_layer = reader.flag("scale_attn_by_inverse_layer_idx", false);
  reader.only("add_cross_attention", false);
  return config;
}

}  // namespace

extern const Family kGpt2;
const Family kGpt2 = {{"GPT2LMHeadModel"},
                      read_gpt2,
                      {.root = "transformer.",
                       .embedding = "wte",
                       .positions = "wpe",
                       .layers = "h.",
                       .norm_attention = "ln_1",
                       .qkv = {"attn.c_attn"},
                       .output = "attn.c_proj",
                       .norm_mlp = "ln_2",
                       .up = {"mlp.c_fc"},
                       .down = "mlp.c_proj",
                       .norm = "ln_f",
                       .transposed = true,
                       .buffers = {".attn.bias", ".attn.masked_bias"}}};

}  // namespace factsweep
