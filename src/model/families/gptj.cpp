// GPT-J: one norm for both branches, rotation of neighbouring pairs, a bias on the head.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_gptj(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("n_embd");
  config.layers = reader.layers("n_layer");
  config.heads = config.kv_heads = reader.size("n_head");
  config.head_size = config.width / config.heads;
  config.mlp_width = reader.size("n_inner", 4 * config.width);
  config.positions = reader.size("n_positions", 2048);
  config.norm = NormKind::layer;
  config.norm_epsilon = reader.positive("layer_norm_epsilon", 1e-5);
  config.activation = reader.activation("activation_function", "gelu_new");
  config.gated = false;
  config.mlp_bias = config.head_bias = true;
  config.tied_head = reader.flag("tie_word_embeddings", false);
  config.residual = Residual::parallel_shared;
  config.rotary_size = reader.size("rotary_dim", 64);
  config.rotary_interleaved = true;
  return config;
}

}  // namespace

extern const Family kGptJ;
const Family kGptJ = {{"GPTJForCausalLM"},
                      read_gptj,
                      {.root = "transformer.",
                       .embedding = "wte",
                       .layers = "h.",
                       .norm_attention = "ln_1",
                       .qkv = {"attn.q_proj", "attn.k_proj", "attn.v_proj"},
                       .output = "attn.out_proj",
                       .up = {"mlp.fc_in"},
                       .down = "mlp.fc_out",
                       .norm = "ln_f",
                       .buffers = {".attn.bias", ".attn.masked_bias", ".attn.embed_positions"}}};

}  // namespace factsweep
