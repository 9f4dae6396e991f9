// MPT: ALiBi, LayerNorm without bias, no biases, q, k, v fused and perhaps clipped. Its publisher's
// files write the architecture in capitals.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_mpt(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("d_model");
  config.layers = reader.layers("n_layers");
  config.heads = config.kv_heads = reader.size("n_heads");
  config.head_size = config.width / config.heads;
  refuse_own_head_size(reader, config);
  config.mlp_width = 4 * config.width;
  config.position = PositionKind::alibi;
  config.positions = reader.size("max_seq_len", 2048);
  config.norm = NormKind::layer;
  config.norm_bias = false;
  config.norm_epsilon = reader.positive("layer_norm_epsilon", 1e-5);
  config.activation = Activation::gelu;
  config.gated = false;
  config.tied_head = reader.flag("tie_word_embeddings", true);
  // transformers has one architecture whatever these say; the model's own code has others
  reader.only("expansion_ratio", 4);
  reader.only("no_bias", true);
  reader.only("logit_scale", nullptr);
  reader.only("embedding_fraction", 1);
  const ConfigReader attention = reader.section("attn_config");
  attention.only("attn_type", "multihead_attention");
  attention.only("alibi", true);
  attention.only("alibi_bias_max", 8);
  for (const char* key : {"prefix_lm", "qk_ln", "attn_uses_sequence_id"})
    attention.only(key, false);
  if (attention.number("clip_qkv", 0) != 0) config.qkv_clip = attention.positive("clip_qkv", 0);
  if (attention.has("softmax_scale"))
    config.attention_scale = attention.positive("softmax_scale", 1);
  return config;
}

}  // namespace

extern const Family kMpt;
const Family kMpt = {{"MptForCausalLM", "MPTForCausalLM"},
                     read_mpt,
                     {.root = "transformer.",
                      .embedding = "wte",
                      .layers = "blocks.",
                      .norm_attention = "norm_1",
                      .qkv = {"attn.Wqkv"},
                      .output = "attn.out_proj",
                      .norm_mlp = "norm_2",
                      .up = {"ffn.up_proj"},
                      .down = "ffn.down_proj",
                      .norm = "norm_f"}};

}  // namespace factsweep
