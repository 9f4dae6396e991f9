// Ministral 3 (text): Mistral whose queries grow with their position beyond the trained length.
#include "../family.hpp"
#include "rope_keys.hpp"

namespace factsweep {
namespace {

ModelConfig read_ministral3(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(
      reader, {.head_size = 128, .kv_heads = 8, .positions = 262144, .epsilon = 1e-5});
  config.windows = read_one_window(reader, config.layers);
  const ConfigReader object = rope_section(reader, reader.positive("rope_theta", 10000));
  if (!object.has("llama_4_scaling_beta"))
    object.fail("'llama_4_scaling_beta' is missing; Ministral3ForCausalLM needs it.");
  config.query_growth = object.number("llama_4_scaling_beta", 0);
  if (config.rope.scaling == "default" && !object.has("original_max_position_embeddings"))
    object.fail("'original_max_position_embeddings' is missing.");
  return config;
}

}  // namespace

extern const Family kMinistral3;
const Family kMinistral3 = {{"Ministral3ForCausalLM"}, read_ministral3, {}};

}  // namespace factsweep
