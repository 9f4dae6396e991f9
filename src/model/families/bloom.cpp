// BLOOM: ALiBi instead of positions, a norm after the embedding, q, k, v fused per head.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_bloom(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.has("n_embed") ? reader.size("n_embed") : reader.size("hidden_size");
  config.layers = reader.layers("n_layer");
  config.heads = config.kv_heads = reader.size("n_head");
  config.head_size = config.width / config.heads;
  config.mlp_width = 4 * config.width;
  config.position = PositionKind::alibi;
  config.positions = reader.size("seq_length", 2048);
  config.norm = NormKind::layer;
  config.norm_epsilon = reader.positive("layer_norm_epsilon", 1e-5);
  config.embedding_norm = true;
  config.activation = Activation::gelu_tanh;
  config.gated = false;
  config.qkv_per_head = true;
  config.qkv_bias = config.output_bias = config.mlp_bias = true;
  config.tied_head = reader.flag("tie_word_embeddings", true);
  reader.only("apply_residual_connection_post_layernorm", false);
  return config;
}

}  // namespace

extern const Family kBloom;
const Family kBloom = {{"BloomForCausalLM"},
                       read_bloom,
                       {.root = "transformer.",
                        .embedding = "word_embeddings",
                        .norm_embedding = "word_embeddings_layernorm",
                        .layers = "h.",
                        .qkv = {"self_attention.query_key_value"},
                        .output = "self_attention.dense",
                        .up = {"mlp.dense_h_to_4h"},
                        .down = "mlp.dense_4h_to_h",
                        .norm = "ln_f",
                        .buffers = {}}};

}  // namespace factsweep
