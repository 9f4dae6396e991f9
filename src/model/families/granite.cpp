// Granite 3: Llama with factors on embedding, scores, branches and logits.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_granite(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.mlp_bias = reader.flag("mlp_bias", false);
  config.embedding_scale = reader.positive("embedding_multiplier", 1);
  config.attention_scale = reader.positive("attention_multiplier", 1);
  config.residual_scale = reader.positive("residual_multiplier", 1);
  config.logit_scale = 1 / reader.positive("logits_scaling", 1);
  return config;
}

}  // namespace

extern const Family kGranite;
const Family kGranite = {{"GraniteForCausalLM"}, read_granite, {}};

}  // namespace factsweep
