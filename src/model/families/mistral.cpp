// Mistral: Llama with a sliding window on every layer, or on those that "layer_types" names, which
// transformers calls Ministral.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_mistral(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  // null means no window, absence the default of transformers
  const bool windowed = !reader.is_null("sliding_window");
  if (reader.has("layer_types")) {
    config.windows = read_windows(reader, config.layers, nullptr);
  } else if (windowed) {
    config.windows.assign(static_cast<std::size_t>(config.layers),
                          reader.size("sliding_window", 4096));
  }
  return config;
}

}  // namespace

extern const Family kMistral;
const Family kMistral = {{"MistralForCausalLM", "MinistralForCausalLM"}, read_mistral, {}};

}  // namespace factsweep
