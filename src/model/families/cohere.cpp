// Command R (Cohere) and Command R7B (Cohere 2: windows on most layers, and positions there alone):
// one LayerNorm without bias for both branches, rotation of neighbouring pairs, scaled logits.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_any_cohere(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(
      reader,
      {.positions = 8192, .epsilon = 1e-5, .epsilon_key = "layer_norm_eps", .tied_head = true});
  config.norm = NormKind::layer;
  config.norm_bias = false;
  config.residual = Residual::parallel_shared;
  config.rotary_interleaved = true;
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.logit_scale = reader.positive("logit_scale", 0.0625);
  return config;
}

ModelConfig read_cohere1(const ConfigReader& reader) {
  ModelConfig config = read_any_cohere(reader);
  if (reader.flag("use_qk_norm", false)) config.head_norms = HeadNorms::each;
  return config;
}

ModelConfig read_cohere2(const ConfigReader& reader) {
  ModelConfig config = read_any_cohere(reader);
  reader.only("head_dim", config.width / config.heads);
  reader.only("use_qk_norm", false);
  reader.only("use_parallel_block", true);
  reader.only("use_gated_activation", true);
  config.windows =
      read_windows(reader, config.layers, [](const ConfigReader& keys, std::int64_t i) {
        return (i + 1) % keys.size("sliding_window_pattern", 4) != 0;
      });
  for (std::int64_t i = 0; i < config.layers; ++i)
    config.rotated.push_back(config.window(i) > 0 ? 1 : 0);
  return config;
}

}  // namespace

extern const Family kCohere1, kCohere2;
const Family kCohere1 = {{"CohereForCausalLM"}, read_cohere1, {}};
const Family kCohere2 = {{"Cohere2ForCausalLM"}, read_cohere2, {}};

}  // namespace factsweep
