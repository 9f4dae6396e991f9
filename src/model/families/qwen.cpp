// Qwen2, Qwen2.5 (biases on q, k, v) and Qwen3 (norms on queries and keys instead).
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

}  // namespace

extern const Family kQwen2, kQwen3;
const Family kQwen2 = {{"Qwen2ForCausalLM"}, read_qwen2, {}};
const Family kQwen3 = {{"Qwen3ForCausalLM"}, read_qwen3, {}};

}  // namespace factsweep
