// StarCoder 2: LayerNorm, biases, an MLP without a gate, grouped-query attention with a window.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_starcoder2(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader, {.kv_heads = 2,
                                                .positions = 4096,
                                                .epsilon = 1e-5,
                                                .epsilon_key = "norm_epsilon",
                                                .tied_head = true});
  config.norm = NormKind::layer;
  config.activation = reader.activation("hidden_act", "gelu_pytorch_tanh");
  config.gated = false;
  config.qkv_bias = config.output_bias = config.mlp_bias = reader.flag("use_bias", true);
  reader.only("mlp_type", "default");
  reader.only("norm_type", "layer_norm");
  config.windows = read_one_window(reader, config.layers);
  return config;
}

}  // namespace

extern const Family kStarCoder2;
const Family kStarCoder2 = {
    {"Starcoder2ForCausalLM"}, read_starcoder2, {.up = {"mlp.c_fc"}, .down = "mlp.c_proj"}};

}  // namespace factsweep
