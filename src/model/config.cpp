#include "factsweep/model/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/weights.hpp"
#include "family.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kWidest = std::int64_t{1} << 24;  // of all heads; products stay in 64 bits

void add_eos(const ConfigReader& reader, const nlohmann::json& keys, ModelConfig& config) {
  if (!reader.has("eos_token_id")) return;
  const nlohmann::json& eos = keys["eos_token_id"];
  for (const nlohmann::json& id : eos.is_array() ? eos : nlohmann::json::array({eos})) {
    if (!id.is_number_integer())
      reader.fail(
          fmt::format("'eos_token_id' = {} is no token id nor a list of them.", eos.dump()));
    // some published models name an end token beyond their vocabulary: it never comes
    const auto value = id.get<std::int64_t>();
    if (value < 0 || value >= config.vocabulary) continue;
    const auto token = static_cast<std::int32_t>(value);
    if (std::find(config.eos.begin(), config.eos.end(), token) == config.eos.end())
      config.eos.push_back(token);
  }
}

/// generation_config.json may name other end tokens than config.json: all of them end an answer.
void add_generation_eos(const fs::path& directory, ModelConfig& config) {
  const fs::path file = directory / "generation_config.json";
  if (!fs::exists(file) && !fs::exists(file.string() + ".gz")) return;
  const nlohmann::json keys = read_json(file);
  add_eos(ConfigReader(keys, file.string(), config.architecture), keys, config);
}

void check_sizes(const ModelConfig& c, const ConfigReader& reader) {
  if (c.heads % c.kv_heads != 0) {
    reader.fail(fmt::format("{} attention heads are not a multiple of {} key-value heads.", c.heads,
                            c.kv_heads));
  }
  if (c.head_size < 1 || c.heads * c.head_size > kWidest) {
    reader.fail(
        fmt::format("{} attention heads of {} elements make no sense.", c.heads, c.head_size));
  }
  if (c.position == PositionKind::rotary &&
      (c.rotary_size < 2 || c.rotary_size % 2 != 0 || c.rotary_size > c.head_size)) {
    reader.fail(fmt::format(
        "rotary embedding of {} elements; an even number from 2 to the head size {} is needed.",
        c.rotary_size, c.head_size));
  }
  if (c.rope.scaling == "dynamic" && c.rotary_size == 2)
    reader.fail("dynamic rope scaling needs more than 2 rotary elements.");
  if (c.experts > 0 && c.experts_per_token > c.experts) {
    reader.fail(fmt::format("a token cannot have {} of {} experts (num_experts_per_tok).",
                            c.experts_per_token, c.experts));
  }
  for (const RopeConfig* rope : {&c.rope, c.window_rope ? &*c.window_rope : nullptr}) {
    if (rope == nullptr || rope->scaling != "longrope") continue;
    const auto pairs = static_cast<std::size_t>(c.rotary_size / 2);
    if (rope->short_factors.size() != pairs || rope->long_factors.size() != pairs) {
      reader.fail(
          fmt::format("'short_factor' has {} numbers and 'long_factor' {}; {} are needed, "
                      "one for each pair of elements that turns.",
                      rope->short_factors.size(), rope->long_factors.size(), pairs));
    }
  }
}

/// Files saved from the bare model lack the root, and some families' heads have an older name.
void find_stored_names(ModelConfig& config, const fs::path& directory) {
  const CheckpointNames& names = family_of(config).names;
  config.stored_root = names.root;
  config.stored_head = names.heads.front();
  if (!fs::exists(directory / "model.safetensors") &&
      !fs::exists(directory / "model.safetensors.index.json"))
    return;
  const SafetensorsReader reader = SafetensorsReader::open_directory(directory);
  const std::string embedding = names.embedding + ".weight";
  if (!reader.has(names.root + embedding) && reader.has(embedding)) config.stored_root = "";
  for (const std::string& head : names.heads) {
    if (reader.has(head + ".weight")) config.stored_head = head;
  }
}

}  // namespace

ModelConfig ModelConfig::read(const fs::path& directory) {
  if (!fs::is_directory(directory)) {
    throw InputError(
        fmt::format("{}: no such model folder. Give a Hugging Face directory with config.json.",
                    directory.string()));
  }
  const std::string file = (directory / "config.json").string();
  nlohmann::json source = read_json(file);
  const ConfigReader untyped(source, file, "");
  const std::vector<std::string> names = untyped.words("architectures");
  const std::string architecture = names.empty() ? "" : names.front();
  const Family* family = find_family(architecture);
  if (family == nullptr) {
    untyped.fail(fmt::format("architecture '{}' is not supported. Supported: {}.", architecture,
                             fmt::join(supported_architectures(), ", ")));
  }
  const ConfigReader reader(source, file, architecture);
  // quantized weights carry scales that this program does not apply
  if (reader.has("quantization_config")) reader.refuse("quantization_config", "none");
  ModelConfig config = family->read(reader);
  config.architecture = architecture;
  config.family = family;
  check_sizes(config, reader);
  if (config.attention_scale == 0)
    config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_size));
  add_eos(reader, source, config);
  add_generation_eos(directory, config);
  config.source = std::move(source);
  find_stored_names(config, directory);
  return config;
}

ModelConfig ModelConfig::llama(std::int64_t vocabulary, std::int64_t width, std::int64_t layers,
                               std::int64_t heads, std::int64_t kv_heads, std::int64_t mlp_width,
                               std::int64_t positions) {
  ModelConfig config;
  config.architecture = "LlamaForCausalLM";
  config.family = find_family(config.architecture);
  config.vocabulary = vocabulary;
  config.width = width;
  config.layers = layers;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_size = width / heads;
  config.rotary_size = config.head_size;
  config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_size));
  config.mlp_width = mlp_width;
  config.positions = positions;
  config.tied_head = true;
  config.stored_root = family_of(config).names.root;
  config.stored_head = family_of(config).names.heads.front();
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
  std::int64_t count = 0;
  for (const auto& [name, shape] : tensor_shapes(*this)) {
    count += std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  }
  return count;
}

double ModelConfig::active_mlp_width() const {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < layers; ++i)
    sum += has_experts(i) ? experts_per_token * expert_width + shared_width : mlp_width;
  return static_cast<double>(sum) / static_cast<double>(layers);
}

double ModelConfig::flop_per_token() const {
  const std::int64_t attention = width * head_size * (2 * heads + 2 * kv_heads);
  const double mlp = static_cast<double>((gated ? 3 : 2) * width) * active_mlp_width();
  return 2.0 * static_cast<double>(layers) * (static_cast<double>(attention) + mlp);
}

}  // namespace factsweep
