// config.json keys that many families share, as Llama and transformers 5 spell them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../family.hpp"
#include "rope_keys.hpp"

namespace factsweep {

namespace {

void check_factors(const ConfigReader& object, const char* key, const std::vector<double>& list) {
  if (std::any_of(list.begin(), list.end(), [](double factor) { return !(factor > 0); }))
    object.fail(fmt::format("'{}' must be positive numbers.", key));
}

}  // namespace

ModelConfig read_llama_keys(const ConfigReader& reader, const LlamaDefaults& defaults) {
  ModelConfig config;
  config.vocabulary = reader.size("vocab_size");
  config.width = reader.size("hidden_size");
  config.layers = reader.layers("num_hidden_layers");
  config.heads = reader.size("num_attention_heads");
  const bool own_groups = defaults.kv_heads > 0 && !reader.is_null("num_key_value_heads");
  config.kv_heads =
      reader.size("num_key_value_heads", own_groups ? defaults.kv_heads : config.heads);
  config.head_size = reader.size(
      "head_dim", defaults.head_size > 0 ? defaults.head_size : config.width / config.heads);
  config.mlp_width = reader.size("intermediate_size");
  config.positions = reader.size("max_position_embeddings", defaults.positions);
  config.norm_epsilon = reader.positive(defaults.epsilon_key, defaults.epsilon);
  if (!defaults.own_activation) config.activation = reader.activation("hidden_act", "silu");
  config.tied_head = reader.flag("tie_word_embeddings", defaults.tied_head);
  if (!defaults.own_rope) config.rope = read_rope(reader, defaults.theta, config.positions);
  config.rotary_size = config.head_size;
  if (defaults.rotary_part == 0) {
    refuse_partial_rotation(reader);
  } else {
    const double part =
        read_rotary_part(reader, reader.positive("rope_theta", defaults.theta),
                         reader.positive("partial_rotary_factor", defaults.rotary_part));
    if (reader.positive("partial_rotary_factor", part) != part) {
      reader.fail(
          fmt::format("'partial_rotary_factor' is {} here and {} beside the rotary "
                      "embedding's other parameters. Keep one.",
                      reader.positive("partial_rotary_factor", part), part));
    }
    config.rotary_size = static_cast<std::int64_t>(static_cast<double>(config.head_size) * part);
  }
  return config;
}

void refuse_partial_rotation(const ConfigReader& reader) {
  reader.only("partial_rotary_factor", 1);
  for (const char* key : {"rope_parameters", "rope_scaling"})
    reader.section(key).only("partial_rotary_factor", 1);
}

void refuse_own_head_size(const ConfigReader& reader, const ModelConfig& config) {
  if (config.width % config.heads != 0) {
    reader.fail(fmt::format("a hidden size of {} is not a multiple of {} attention heads.",
                            config.width, config.heads));
  }
  reader.only("head_dim", config.width / config.heads);
}

double read_rotary_part(const ConfigReader& reader, double theta, double fallback) {
  const double part = rope_section(reader, theta).positive("partial_rotary_factor", fallback);
  if (reader.section("rope_parameters").positive("partial_rotary_factor", part) != part) {
    reader.fail(
        "of 'rope_scaling' and 'rope_parameters' transformers takes the first alone, and "
        "'partial_rotary_factor' of the second is lost. Put all of it into one of them.");
  }
  if (part > 1) reader.fail("partial_rotary_factor must be at most 1.");
  return part;
}

RopeConfig read_longrope(const ConfigReader& object, double theta, double positions,
                         double original) {
  RopeConfig rope;
  rope.scaling = "longrope";
  rope.theta = object.positive("rope_theta", theta);
  rope.original_positions = original;
  rope.short_factors = object.numbers("short_factor");
  rope.long_factors = object.numbers("long_factor");
  check_factors(object, "short_factor", rope.short_factors);
  check_factors(object, "long_factor", rope.long_factors);
  for (const char* key : {"short_mscale", "long_mscale"}) object.only(key, nullptr);
  rope.factor = object.positive("factor", positions / original);
  rope.attention_factor = object.positive(
      "attention_factor",
      rope.factor <= 1 ? 1 : std::sqrt(1 + std::log(rope.factor) / std::log(original)));
  return rope;
}

RopeConfig read_rope_object(const ConfigReader& object, double theta, std::int64_t positions) {
  RopeConfig rope;
  rope.theta = object.positive("rope_theta", theta);
  // transformers before 4.43 wrote "type"
  const char* key = object.has("rope_type") ? "rope_type" : "type";
  rope.scaling = object.word(key, "default");
  const std::vector<std::string> known = {"default", "linear", "dynamic",
                                          "llama3",  "yarn",   "longrope"};
  if (std::find(known.begin(), known.end(), rope.scaling) == known.end())
    object.refuse(key, "default, linear, dynamic, llama3, yarn, longrope");
  object.only("mrope_section", nullptr);
  rope.original_positions =
      object.positive("original_max_position_embeddings", static_cast<double>(positions));
  if (rope.scaling == "default") return rope;
  if (rope.scaling == "longrope")
    return read_longrope(object, theta, static_cast<double>(positions), rope.original_positions);
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
  for (const char* key :
       {"rope_type", "type", "factor", "rope_theta", "mrope_section", "partial_rotary_factor"})
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

void read_rope_by_layer_type(const ConfigReader& reader, double theta, double window_theta,
                             ModelConfig& config) {
  const ConfigReader both = reader.section("rope_parameters");
  const ConfigReader whole = both.section("full_attention"),
                     windowed = both.section("sliding_attention");
  for (const ConfigReader& one : {whole, windowed}) one.only("partial_rotary_factor", 1);
  theta = whole.positive("rope_theta", reader.positive("rope_theta", theta));
  const bool scaled = reader.has("rope_scaling");
  if (scaled && whole.word("rope_type", "default") != "default")
    reader.fail("'rope_scaling' and 'rope_parameters' both scale full_attention. Keep one.");
  config.rope =
      read_rope_object(scaled ? reader.section("rope_scaling") : whole, theta, config.positions);
  config.window_rope = read_rope_object(windowed, window_theta, config.positions);
}

std::int64_t read_expert_count(const ConfigReader& reader, std::int64_t fallback) {
  const std::int64_t count =
      reader.count("num_local_experts", reader.count("num_experts", fallback));
  reader.only("num_experts", count);
  return count;
}

void read_sparse_layers(const ConfigReader& reader, ModelConfig& config) {
  const std::int64_t step = reader.size("decoder_sparse_step", 1);
  std::vector<double> dense;
  if (reader.has("mlp_only_layers")) dense = reader.numbers("mlp_only_layers");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const bool named = std::find(dense.begin(), dense.end(), static_cast<double>(i)) != dense.end();
    config.sparse.push_back(!named && (i + 1) % step == 0 ? 1 : 0);
  }
}

std::vector<std::int64_t> read_one_window(const ConfigReader& reader, std::int64_t layers) {
  reader.only("layer_types", nullptr);
  if (!reader.has("sliding_window")) return {};
  return std::vector<std::int64_t>(static_cast<std::size_t>(layers), reader.size("sliding_window"));
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
