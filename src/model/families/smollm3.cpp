// SmolLM3: Llama whose every fourth layer, or those that "no_rope_layers" marks with 0, know no
// positions.
#include <fmt/format.h>

#include "../family.hpp"

namespace factsweep {
namespace {

bool rotates(const ConfigReader& reader, std::int64_t layer) {
  if (!reader.has("no_rope_layers"))
    return (layer + 1) % reader.size("no_rope_layer_interval", 4) != 0;
  const std::vector<double> list = reader.numbers("no_rope_layers");
  return static_cast<std::size_t>(layer) < list.size() &&
         list[static_cast<std::size_t>(layer)] != 0;
}

bool windowed_by_default(const ConfigReader& reader, std::int64_t layer) {
  return reader.flag("use_sliding_window", false) && reader.has("sliding_window") &&
         !rotates(reader, layer);
}

ModelConfig read_smollm3(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(
      reader, {.kv_heads = 4, .positions = 32768, .theta = 2000000, .tied_head = true});
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.mlp_bias = reader.flag("mlp_bias", false);
  if (reader.has("no_rope_layers")) {
    const std::size_t named = reader.numbers("no_rope_layers").size();
    if (static_cast<std::int64_t>(named) < config.layers)
      reader.fail(fmt::format("'no_rope_layers' names {} layers of {}.", named, config.layers));
  }
  for (std::int64_t i = 0; i < config.layers; ++i)
    config.rotated.push_back(rotates(reader, i) ? 1 : 0);
  config.windows = read_windows(reader, config.layers, windowed_by_default);
  return config;
}

}  // namespace

extern const Family kSmolLm3;
const Family kSmolLm3 = {{"SmolLM3ForCausalLM"}, read_smollm3, {}};

}  // namespace factsweep
