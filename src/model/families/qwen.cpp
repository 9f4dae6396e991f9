// Qwen2, Qwen2.5 (biases on q, k, v) and Qwen3 (norms on queries and keys instead), and both with
// experts.
#include "../family.hpp"

namespace factsweep {
namespace {

bool slides(const ConfigReader& reader, std::int64_t layer) {
  return reader.flag("use_sliding_window", false) && !reader.is_null("sliding_window") &&
         layer >= reader.count("max_window_layers", 28);
}

ModelConfig read_any_qwen(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  config.windows = read_windows(reader, config.layers, slides);
  return config;
}

ModelConfig read_qwen2(const ConfigReader& reader) {
  ModelConfig config = read_any_qwen(reader);
  config.qkv_bias = true;
  return config;
}

ModelConfig read_qwen3(const ConfigReader& reader) {
  ModelConfig config = read_any_qwen(reader);
  if (!reader.has("head_dim")) config.head_size = config.rotary_size = 128;
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.head_norms = HeadNorms::shared;
  return config;
}

void read_qwen_experts(const ConfigReader& reader, std::int64_t experts, std::int64_t chosen,
                       std::int64_t width, ModelConfig& config) {
  config.experts = read_expert_count(reader, experts);
  config.experts_per_token = reader.size("num_experts_per_tok", chosen);
  config.expert_width = reader.size("moe_intermediate_size", width);
  config.normalized_routing = reader.flag("norm_topk_prob", false);
  read_sparse_layers(reader, config);
}

ModelConfig read_qwen2_moe(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader, {.kv_heads = 16, .positions = 32768});
  config.qkv_bias = reader.flag("qkv_bias", true);
  config.windows =
      read_windows(reader, config.layers, [](const ConfigReader& keys, std::int64_t i) {
        return keys.flag("use_sliding_window", false) && !keys.is_null("sliding_window") &&
               i % 2 == 0 && i < keys.count("max_window_layers", 28);
      });
  read_qwen_experts(reader, 60, 4, 1408, config);
  config.shared_width = reader.size("shared_expert_intermediate_size", 5632);
  return config;
}

ModelConfig read_qwen3_moe(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader, {.kv_heads = 4, .positions = 32768});
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.head_norms = HeadNorms::shared;
  reader.only("layer_types", nullptr);
  if (reader.flag("use_sliding_window", false) && !reader.is_null("sliding_window")) {
    config.windows.assign(static_cast<std::size_t>(config.layers),
                          reader.size("sliding_window", 4096));
  }
  read_qwen_experts(reader, 128, 8, 768, config);
  return config;
}

}  // namespace

extern const Family kQwen2, kQwen3, kQwen2Moe, kQwen3Moe;
const Family kQwen2 = {{"Qwen2ForCausalLM"}, read_qwen2, {}};
const Family kQwen3 = {{"Qwen3ForCausalLM"}, read_qwen3, {}};
const Family kQwen2Moe = {{"Qwen2MoeForCausalLM"}, read_qwen2_moe, {}};
const Family kQwen3Moe = {{"Qwen3MoeForCausalLM"}, read_qwen3_moe, {}};

}  // namespace factsweep
