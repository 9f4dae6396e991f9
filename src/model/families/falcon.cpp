// Falcon: q, k, v fused for each key-value head, branches beside each other with one norm or two
// ("new_decoder_architecture") or after each other, rotation or ALiBi.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_falcon(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.has("n_embed") ? reader.size("n_embed") : reader.size("hidden_size");
  config.layers = reader.layers("num_hidden_layers");
  config.heads = reader.size("num_attention_heads");
  config.head_size = config.width / config.heads;
  refuse_own_head_size(reader, config);
  config.mlp_width = reader.size("ffn_hidden_size", 4 * config.width);
  config.positions = reader.size("max_position_embeddings", 2048);
  config.norm = NormKind::layer;
  config.norm_epsilon = reader.positive("layer_norm_epsilon", 1e-5);
  config.activation = reader.activation("activation", "gelu");
  config.gated = false;
  config.qkv_per_head = true;
  config.qkv_bias = config.output_bias = config.mlp_bias = reader.flag("bias", false);
  config.tied_head = reader.flag("tie_word_embeddings", true);

  const bool is_new = reader.flag("new_decoder_architecture", false);
  const bool one_group = !is_new && reader.flag("multi_query", true);
  config.kv_heads = one_group ? 1 : reader.size("num_kv_heads", config.heads);
  if (!is_new && !one_group) reader.only("num_kv_heads", config.heads);
  const bool parallel = reader.flag("parallel_attn", true);
  if (is_new) reader.only("parallel_attn", true);
  const std::int64_t norms = reader.size("num_ln_in_parallel_attn", is_new ? 2 : 1);
  if (norms > 2 || (norms == 2 && !is_new && parallel))
    reader.refuse("num_ln_in_parallel_attn", is_new ? "1, 2" : "1");
  config.residual = !parallel              ? Residual::sequential
                    : is_new && norms == 2 ? Residual::parallel
                                           : Residual::parallel_shared;
  if (reader.flag("alibi", false)) {
    config.position = PositionKind::alibi;
    config.alibi_before_scale = true;
  } else {
    config.rope = read_rope(reader, 10000, config.positions);
    config.rotary_size = config.head_size;
    refuse_partial_rotation(reader);
  }
  return config;
}

}  // namespace

extern const Family kFalcon;
const Family kFalcon = {{"FalconForCausalLM"},
                        read_falcon,
                        {.root = "transformer.",
                         .embedding = "word_embeddings",
                         .layers = "h.",
                         .qkv = {"self_attention.query_key_value"},
                         .output = "self_attention.dense",
                         .up = {"mlp.dense_h_to_4h"},
                         .down = "mlp.dense_4h_to_h",
                         .parallel_norms = {"ln_attn", "ln_mlp"},
                         .norm = "ln_f"}};

}  // namespace factsweep
