// Mistral: Llama with a sliding window on every layer.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_mistral(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  // null means no window, absence the default of transformers
  const bool windowed = !reader.is_null("sliding_window");
  if (windowed)
    config.windows.assign(static_cast<std::size_t>(config.layers),
                          reader.size("sliding_window", 4096));
  reader.only("layer_types", nullptr);
  return config;
}

}  // namespace

extern const Family kMistral;
const Family kMistral = {{"MistralForCausalLM"}, read_mistral, {}};

}  // namespace factsweep
