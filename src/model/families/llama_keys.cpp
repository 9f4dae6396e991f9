// config.json keys that many families share, as Llama and transformers 5 spell them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../family.hpp"
#include "rope_keys.hpp"

namespace factsweep {

ModelConfig read_llama_keys(const ConfigReader& reader) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("hidden_size");
  config.layers = reader.layers("num_hidden_layers");
  config.heads = reader.size("num_attention_heads");
  config.kv_heads = reader.size("num_key_value_heads", config.heads);
  config.head_size = reader.has("head_dim") ? reader.size("head_dim") : config.width / config.heads;
  config.mlp_width = reader.size("intermediate_size");
  config.positions = reader.size("max_position_embeddings", 2048);
  config.norm_epsilon = reader.positive("rms_norm_eps", 1e-6);
  config.activation = reader.activation("hidden_act", "silu");
  config.tied_head = reader.flag("tie_word_embeddings", false);
  config.rope = read_rope(reader, 10000, config.positions);
  config.rotary_size = config.head_size;
  reader.only("partial_rotary_factor", 1);
  for (const char* key : {"rope_parameters", "rope_scaling"})
    reader.section(key).only("partial_rotary_factor", 1);
  return config;
}

RopeConfig read_rope_object(const ConfigReader& object, double theta, std::int64_t positions) {
  RopeConfig rope;
  rope.theta = object.positive("rope_theta", theta);
  // transformers before 4.43 wrote "type"
  const char* key = object.has("rope_type") ? "rope_type" : "type";
  rope.scaling = object.word(key, "default");
  const std::vector<std::string> known = {"default", "linear", "dynamic", "llama3", "yarn"};
  if (std::find(known.begin(), known.end(), rope.scaling) == known.end())
    object.refuse(key, "default, linear, dynamic, llama3, yarn");
  object.only("mrope_section", nullptr);
  rope.original_positions =
      object.positive("original_max_position_embeddings", static_cast<double>(positions));
  if (rope.scaling == "default") return rope;
  if (rope.scaling != "yarn" && !object.has("factor")) object.fail("'factor' is missing.");
  rope.factor = object.positive("factor", static_cast<double>(positions) / rope.original_positions);
  if (rope.scaling == "llama3") {
    rope.low_frequency_factor = object.positive("low_freq_factor", 1);
    rope.high_frequency_factor = object.positive("high_freq_factor", 4);
    if (rope.low_frequency_factor == rope.high_frequency_factor)
      object.fail("'low_freq_factor' and 'high_freq_factor' must differ.");
  }
  if (rope.scaling != "yarn") return rope;
  if (rope.theta == 1) object.fail("'rope_theta' = 1 leaves yarn scaling nothing to scale.");
  const auto blend = [&](double scale) {
    return rope.factor <= 1 ? 1.0 : 0.1 * scale * std::log(rope.factor) + 1;
  };
  const double scale = object.number("mscale", 0), all = object.number("mscale_all_dim", 0);
  rope.attention_factor = object.positive(
      "attention_factor", scale != 0 && all != 0 ? blend(scale) / blend(all) : blend(1));
  rope.beta_fast = object.positive("beta_fast", 32);
  rope.beta_slow = object.positive("beta_slow", 1);
  rope.truncate = object.flag("truncate", true);
  return rope;
}

ConfigReader rope_section(const ConfigReader& reader, double theta) {
  const ConfigReader scaling = reader.section("rope_scaling"),
                     parameters = reader.section("rope_parameters");
  bool says_something = false;
  for (const char* key : {"rope_type", "type", "factor", "rope_theta", "mrope_section"})
    says_something = says_something || scaling.has(key);
  if (!says_something) return parameters;
  const double taken = scaling.positive("rope_theta", theta);
  const double left = parameters.positive("rope_theta", taken);
  if (left != taken) {
    reader.fail(
        fmt::format("of 'rope_scaling' and 'rope_parameters' transformers takes the first alone, "
                    "and 'rope_theta' = {} of the second would be {}. Put all of it into one of "
                    "them.",
                    left, taken));
  }
  return scaling;
}

RopeConfig read_rope(const ConfigReader& reader, double default_theta, std::int64_t positions) {
  const double theta = reader.positive("rope_theta", default_theta);
  RopeConfig rope = read_rope_object(rope_section(reader, theta), theta, positions);
  if (rope.scaling != "default") reader.only("original_max_position_embeddings", nullptr);
  return rope;
}

std::vector<std::int64_t> read_windows(const ConfigReader& reader, std::int64_t layers,
                                       bool (*sliding)(const ConfigReader&, std::int64_t)) {
  std::vector<std::int64_t> windows;
  if (reader.has("layer_types")) {
    for (const std::string& type : reader.words("layer_types")) {
      if (type != "full_attention" && type != "sliding_attention")
        reader.refuse("layer_types", "full_attention, sliding_attention");
      windows.push_back(type == "sliding_attention" ? 1 : 0);
    }
    if (static_cast<std::int64_t>(windows.size()) != layers) {
      reader.fail(fmt::format("'layer_types' names {} layers of {}.", windows.size(), layers));
    }
  } else {
    for (std::int64_t i = 0; i < layers; ++i) windows.push_back(sliding(reader, i) ? 1 : 0);
  }
  if (std::find(windows.begin(), windows.end(), 1) == windows.end()) return {};
  const std::int64_t size = reader.size("sliding_window");
  for (std::int64_t& window : windows) window *= size;
  return windows;
}

}  // namespace factsweep
