// Apertus: norms on queries and keys, an MLP without a gate, xIELU, whose parameters are trained.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_apertus(const ConfigReader& reader) {
  // xIELU is this family's alone; others are shared
  const bool xielu = reader.word("hidden_act", "xielu") == "xielu";
  ModelConfig config = read_llama_keys(
      reader, {.positions = 65536, .theta = 12000000, .epsilon = 1e-5, .own_activation = xielu});
  if (xielu) config.activation = Activation::xielu;
  if (!reader.has("rope_parameters") && !reader.has("rope_scaling")) {
    // transformers' default, which a base beside it does not change
    reader.only("rope_theta", 12000000);
    config.rope = {.theta = 12000000,
                   .scaling = "llama3",
                   .factor = 8,
                   .low_frequency_factor = 1,
                   .high_frequency_factor = 4,
                   .original_positions = 8192};
  }
  config.gated = false;
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.head_norms = HeadNorms::shared;
  reader.only("mlp_bias", false);
  reader.only("qk_norm", true);
  reader.only("post_norm", false);
  return config;
}

}  // namespace

extern const Family kApertus;
const Family kApertus = {{"ApertusForCausalLM"},
                         read_apertus,
                         {.norm_attention = "attention_layernorm",
                          .norm_mlp = "feedforward_layernorm",
                          .up = {"mlp.up_proj"},
                          .xielu = "mlp.act_fn"}};

}  // namespace factsweep
