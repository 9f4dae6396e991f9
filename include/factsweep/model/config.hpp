// What a Hugging Face config.json says of a decoder-only transformer, checked and with defaults
// filled in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace factsweep {

/// Rotary position embedding (Su et al., arXiv 2104.09864) and its length extensions.
struct RopeConfig {
  double theta = 10000;
  std::string scaling = "default";  // default | linear | llama3
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;  // llama3
  double original_positions = 8192;                            // llama3
};

struct ModelConfig {
  std::string architecture;  // "LlamaForCausalLM"
  std::int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_size = 0,
               mlp_width = 0;
  std::int64_t positions = 0;  // longest sequence
  double norm_epsilon = 1e-5;
  bool tied_head = false;
  RopeConfig rope;
  std::vector<std::int32_t> eos;  // token ids that end an answer
  nlohmann::json source;          // config.json as it stood, to save beside changed weights

  /// InputError: file missing or malformed, unsupported architecture (lists the supported ones), a
  /// key that is missing or contradicts another.
  static ModelConfig read(const std::filesystem::path& directory);
  /// A small model of our own (Llama architecture), for the embedded world.
  static ModelConfig llama(std::int64_t vocabulary, std::int64_t width, std::int64_t layers,
                           std::int64_t heads, std::int64_t kv_heads, std::int64_t mlp_width,
                           std::int64_t positions);

  std::int64_t parameters() const;
  /// Multiply-adds x 2 of one token's forward pass through the layers, without the vocabulary
  /// projection.
  double flop_per_token() const;
  double head_flop_per_token() const { return 2.0 * static_cast<double>(vocabulary * width); }
};

}  // namespace factsweep
