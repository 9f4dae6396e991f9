// GPT-NeoX and Pythia: parallel residual, rotation of a part of each head, q, k, v fused per head.
#include "../family.hpp"
#include "rope_keys.hpp"

namespace factsweep {
namespace {

ModelConfig read_gpt_neox(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("hidden_size");
  config.layers = reader.layers("num_hidden_layers");
  config.heads = config.kv_heads = reader.size("num_attention_heads");
  config.head_size = config.width / config.heads;
  config.mlp_width = reader.size("intermediate_size");
  config.positions = reader.size("max_position_embeddings", 2048);
  config.norm = NormKind::layer;
  config.norm_epsilon = reader.positive("layer_norm_eps", 1e-5);
  config.activation = reader.activation("hidden_act", "gelu");
  config.gated = false;
  config.qkv_per_head = true;
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", true);
  config.mlp_bias = true;
  config.tied_head = reader.flag("tie_word_embeddings", false);
  config.residual =
      reader.flag("use_parallel_residual", true) ? Residual::parallel : Residual::sequential;
  const double theta = reader.positive("rotary_emb_base", 10000);
  config.rope = read_rope(reader, theta, config.positions);
  const double part = read_rotary_part(reader, reader.positive("rope_theta", theta),
                                       reader.positive("rotary_pct", 0.25));
  config.rotary_size = static_cast<std::int64_t>(static_cast<double>(config.head_size) * part);
  return config;
}

}  // namespace

extern const Family kGptNeoX;
const Family kGptNeoX = {
    {"GPTNeoXForCausalLM"},
    read_gpt_neox,
    {.root = "gpt_neox.",
     .embedding = "embed_in",
     .qkv = {"attention.query_key_value"},
     .output = "attention.dense",
     .up = {"mlp.dense_h_to_4h"},
     .down = "mlp.dense_4h_to_h",
     .norm = "final_layer_norm",
     .heads = {"embed_out", "lm_head"},
     .buffers = {".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"}}};

}  // namespace factsweep
