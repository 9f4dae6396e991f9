// OPT: learned positions from row 2 of their table on, ReLU. OPT-350m, whose norms come after the
// branches and whose embedding is narrower than the model, is refused.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_opt(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("hidden_size");
  config.layers = reader.layers("num_hidden_layers");
  config.heads = config.kv_heads = reader.size("num_attention_heads");
  config.head_size = config.width / config.heads;
  config.mlp_width = reader.size("ffn_dim");
  config.position = PositionKind::learned;
  config.position_offset = 2;
  config.positions = reader.size("max_position_embeddings", 2048);
  config.norm = NormKind::layer;
  config.activation = reader.activation("activation_function", "relu");
  config.gated = false;
  config.qkv_bias = config.output_bias = config.mlp_bias = reader.flag("enable_bias", true);
  config.tied_head = reader.flag("tie_word_embeddings", true);
  reader.only("do_layer_norm_before", true);
  reader.only("_remove_final_layer_norm", false);
  reader.only("layer_norm_elementwise_affine", true);
  reader.only("word_embed_proj_dim", config.width);
  return config;
}

}  // namespace

extern const Family kOpt;
const Family kOpt = {{"OPTForCausalLM"},
                     read_opt,
                     {.embedding = "decoder.embed_tokens",
                      .positions = "decoder.embed_positions",
                      .layers = "decoder.layers.",
                      .norm_attention = "self_attn_layer_norm",
                      .output = "self_attn.out_proj",
                      .norm_mlp = "final_layer_norm",
                      .up = {"fc1"},
                      .down = "fc2",
                      .norm = "decoder.final_layer_norm",
                      .buffers = {}}};

}  // namespace factsweep
