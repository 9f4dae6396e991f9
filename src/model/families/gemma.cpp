// Gemma 1, 2 and 3 (text): stored norm gains are one less than applied, the embedding is scaled;
// from Gemma 2 on norms after both branches, soft caps and windows on some layers; Gemma 3 has
// norms on queries and keys and another rotation in layers with a window.
#include <cmath>

#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_any_gemma(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  if (!reader.has("head_dim")) config.head_size = config.rotary_size = 256;
  config.norm = NormKind::rms_plus_one;
  config.embedding_scale = std::sqrt(static_cast<double>(config.width));
  config.tied_head = reader.flag("tie_word_embeddings", true);
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  reader.only("use_bidirectional_attention", false);
  return config;
}

ModelConfig read_gemma1(const ConfigReader& reader) {
  ModelConfig config = read_any_gemma(reader);
  // early files say gelu and mean its tanh form
  config.activation = reader.word("hidden_act", "gelu") == "gelu"
                          ? Activation::gelu_tanh
                          : reader.activation("hidden_act", "gelu");
  return config;
}

ModelConfig read_gemma2(const ConfigReader& reader) {
  ModelConfig config = read_any_gemma(reader);
  config.activation = reader.activation("hidden_activation", "gelu_pytorch_tanh");
  config.branch_norms = true;
  config.attention_scale = 1 / std::sqrt(reader.positive("query_pre_attn_scalar", 256));
  config.attention_softcap = reader.cap("attn_logit_softcapping", 50);
  config.logit_softcap = reader.cap("final_logit_softcapping", 30);
  config.windows = read_windows(reader, config.layers,
                                [](const ConfigReader&, std::int64_t i) { return i % 2 == 0; });
  return config;
}

ModelConfig read_gemma3(const ConfigReader& reader) {
  ModelConfig config = read_any_gemma(reader);
  config.activation = reader.activation("hidden_activation", "gelu_pytorch_tanh");
  config.branch_norms = true;
  config.head_norms = HeadNorms::shared;
  config.attention_scale = 1 / std::sqrt(reader.positive("query_pre_attn_scalar", 256));
  config.logit_softcap = reader.cap("final_logit_softcapping", 0);
  reader.only("attn_logit_softcapping", nullptr);
  config.windows =
      read_windows(reader, config.layers, [](const ConfigReader& keys, std::int64_t i) {
        const char* key = keys.has("_sliding_window_pattern") ? "_sliding_window_pattern"
                                                              : "sliding_window_pattern";
        return (i + 1) % keys.size(key, 6) != 0;
      });
  // transformers 5: rope_parameters of each layer type; before: rope_local_base_freq beside the
  // rest
  read_rope_by_layer_type(reader, 1e6, reader.positive("rope_local_base_freq", 10000), config);
  return config;
}

const CheckpointNames kSandwich = {.norm_after_attention = "post_attention_layernorm",
                                   .norm_mlp = "pre_feedforward_layernorm",
                                   .norm_after_mlp = "post_feedforward_layernorm"};

}  // namespace

extern const Family kGemma1, kGemma2, kGemma3;
const Family kGemma1 = {{"GemmaForCausalLM"}, read_gemma1, {}};
const Family kGemma2 = {{"Gemma2ForCausalLM"}, read_gemma2, kSandwich};
const Family kGemma3 = {{"Gemma3ForCausalLM"}, read_gemma3, kSandwich};

}  // namespace factsweep
