#include "factsweep/model/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

namespace factsweep {
namespace {

const std::vector<std::string> kArchitectures = {"LlamaForCausalLM"};

/// Typed look-ups in config.json that name the file and the key when they fail.
class Reader {
 public:
  Reader(const nlohmann::json& config, std::string file)
      : config_(config), file_(std::move(file)) {}

  template <typename T>
  T need(const char* key) const {
    if (!config_.contains(key) || config_[key].is_null()) {
      throw InputError(fmt::format("{}: '{}' is missing. The file must describe a {} model.", file_,
                                   key, kArchitectures.front()));
    }
    return convert<T>(config_[key], key);
  }
  template <typename T>
  T value(const char* key, T fallback) const {
    if (!config_.contains(key) || config_[key].is_null()) return fallback;
    return convert<T>(config_[key], key);
  }
  [[noreturn]] void fail(const std::string& reason) const {
    throw InputError(file_ + ": " + reason);
  }

 private:
  template <typename T>
  T convert(const nlohmann::json& value, const char* key) const {
    try {
      return value.get<T>();
    } catch (const nlohmann::json::exception&) {
      fail(fmt::format("'{}' = {} has the wrong type.", key, value.dump()));
    }
  }
  const nlohmann::json& config_;
  std::string file_;
};

RopeConfig read_rope(const nlohmann::json& config, const std::string& file) {
  // transformers 5 writes rope_parameters; earlier versions rope_theta and rope_scaling
  const bool fresh = config.contains("rope_parameters") && config["rope_parameters"].is_object();
  const bool scaled = config.contains("rope_scaling") && config["rope_scaling"].is_object();
  const nlohmann::json& source = fresh    ? config["rope_parameters"]
                                 : scaled ? config["rope_scaling"]
                                          : config;
  const Reader reader(source, file);
  RopeConfig rope;
  rope.theta = reader.value("rope_theta", Reader(config, file).value("rope_theta", rope.theta));
  if (!fresh && !scaled) return rope;
  rope.scaling =
      reader.value<std::string>("rope_type", reader.value<std::string>("type", "default"));
  rope.factor = reader.value("factor", 1.0);
  rope.low_frequency_factor = reader.value("low_freq_factor", 1.0);
  rope.high_frequency_factor = reader.value("high_freq_factor", 4.0);
  rope.original_positions = reader.value("original_max_position_embeddings", 8192.0);
  const std::vector<std::string> known = {"default", "linear", "llama3"};
  if (std::find(known.begin(), known.end(), rope.scaling) == known.end()) {
    reader.fail(fmt::format("rope scaling '{}' is not supported. Supported: {}.", rope.scaling,
                            fmt::join(known, ", ")));
  }
  return rope;
}

std::vector<std::int32_t> read_eos(const nlohmann::json& config) {
  std::vector<std::int32_t> ids;
  if (!config.contains("eos_token_id")) return ids;
  const nlohmann::json& eos = config["eos_token_id"];
  if (eos.is_number_integer()) ids.push_back(eos.get<std::int32_t>());
  if (eos.is_array()) ids = eos.get<std::vector<std::int32_t>>();
  return ids;
}

}  // namespace

ModelConfig ModelConfig::read(const std::filesystem::path& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw InputError(
        fmt::format("{}: no such model folder. Give a Hugging Face directory with config.json.",
                    directory.string()));
  }
  const std::string file = (directory / "config.json").string();
  ModelConfig config;
  config.source = read_json(file);
  const Reader reader(config.source, file);
  const auto names = reader.need<std::vector<std::string>>("architectures");
  config.architecture = names.empty() ? "" : names.front();
  if (std::find(kArchitectures.begin(), kArchitectures.end(), config.architecture) ==
      kArchitectures.end()) {
    reader.fail(fmt::format("architecture '{}' is not supported. Supported: {}.",
                            config.architecture, fmt::join(kArchitectures, ", ")));
  }
  config.vocabulary = reader.need<std::int64_t>("vocab_size");
  config.width = reader.need<std::int64_t>("hidden_size");
  config.layers = reader.need<std::int64_t>("num_hidden_layers");
  config.heads = reader.need<std::int64_t>("num_attention_heads");
  config.kv_heads = reader.value("num_key_value_heads", config.heads);
  config.head_size = reader.value("head_dim", config.heads > 0 ? config.width / config.heads : 0);
  config.mlp_width = reader.need<std::int64_t>("intermediate_size");
  config.positions = reader.value<std::int64_t>("max_position_embeddings", 2048);
  config.norm_epsilon = reader.value("rms_norm_eps", 1e-6);
  config.tied_head = reader.value("tie_word_embeddings", false);
  config.rope = read_rope(config.source, file);
  config.eos = read_eos(config.source);
  if (std::min({config.vocabulary, config.width, config.layers, config.heads, config.kv_heads,
                config.head_size, config.mlp_width, config.positions}) <= 0) {
    reader.fail("every size must be positive.");
  }
  if (config.heads % config.kv_heads != 0) {
    reader.fail(
        fmt::format("num_attention_heads = {} is not a multiple of num_key_value_heads = {}.",
                    config.heads, config.kv_heads));
  }
  if (config.head_size % 2 != 0)
    reader.fail(fmt::format("head_dim = {} must be even for rotary embedding.", config.head_size));
  if (reader.value<std::string>("hidden_act", "silu") != "silu") {
    reader.fail(fmt::format("hidden_act '{}' is not supported for {}. Supported: silu.",
                            reader.need<std::string>("hidden_act"), config.architecture));
  }
  for (const char* bias : {"attention_bias", "mlp_bias"}) {
    if (reader.value(bias, false))
      reader.fail(fmt::format("'{}' = true is not supported for {}.", bias, config.architecture));
  }
  return config;
}

ModelConfig ModelConfig::llama(std::int64_t vocabulary, std::int64_t width, std::int64_t layers,
                               std::int64_t heads, std::int64_t kv_heads, std::int64_t mlp_width,
                               std::int64_t positions) {
  ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.vocabulary = vocabulary;
  config.width = width;
  config.layers = layers;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_size = width / heads;
  config.mlp_width = mlp_width;
  config.positions = positions;
  config.tied_head = true;
  config.source = {{"architectures", {config.architecture}},
                   {"model_type", "llama"},
                   {"vocab_size", vocabulary},
                   {"hidden_size", width},
                   {"num_hidden_layers", layers},
                   {"num_attention_heads", heads},
                   {"num_key_value_heads", kv_heads},
                   {"head_dim", config.head_size},
                   {"intermediate_size", mlp_width},
                   {"max_position_embeddings", positions},
                   {"rms_norm_eps", config.norm_epsilon},
                   {"hidden_act", "silu"},
                   {"tie_word_embeddings", true},
                   {"attention_bias", false},
                   {"mlp_bias", false},
                   {"rope_theta", config.rope.theta},
                   {"torch_dtype", "float32"}};
  return config;
}

std::int64_t ModelConfig::parameters() const {
  const std::int64_t attention = width * head_size * (2 * heads + 2 * kv_heads);
  const std::int64_t layer = attention + 3 * width * mlp_width + 2 * width;
  return layers * layer + width + vocabulary * width * (tied_head ? 1 : 2);
}

double ModelConfig::flop_per_token() const {
  const std::int64_t attention = width * head_size * (2 * heads + 2 * kv_heads);
  return 2.0 * static_cast<double>(layers * (attention + 3 * width * mlp_width));
}

}  // namespace factsweep
