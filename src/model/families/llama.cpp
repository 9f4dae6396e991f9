// Llama 1, 2, 3, 3.x and models of its shape: SmolLM, SmolLM2, TinyLlama.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_llama(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.mlp_bias = reader.flag("mlp_bias", false);
  return config;
}

}  // namespace

extern const Family kLlama;
const Family kLlama = {{"LlamaForCausalLM"}, read_llama, {}};

}  // namespace factsweep
