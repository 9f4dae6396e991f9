// What a Hugging Face config.json says of a decoder-only transformer: one list of switches for all
// families (src/model/families), checked and with defaults filled in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace factsweep {

/// Rotary position embedding (Su et al., arXiv 2104.09864) and its length extensions.
struct RopeConfig {
  double theta = 10000;
  std::string scaling = "default";  // default | linear | dynamic | llama3 | yarn
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;  // llama3
  double original_positions = 8192;                            // llama3, yarn
  double attention_factor = 1;  // yarn: scales sine and cosine (Peng et al., arXiv 2309.00071)
  double beta_fast = 32, beta_slow = 1;  // yarn: rotations that bound the blend
  bool truncate = true;                  // yarn: bounds rounded outwards
};

enum class NormKind {
  rms,           // RMSNorm
  rms_plus_one,  // RMSNorm whose stored gain is the gain minus one (Gemma)
  layer,         // LayerNorm with bias
};
enum class Activation { silu, gelu, gelu_tanh, relu };
enum class PositionKind { rotary, learned, alibi };
enum class Residual {
  sequential,       // x += attention(n1(x)); x += mlp(n2(x))
  parallel,         // x += attention(n1(x)) + mlp(n2(x))
  parallel_shared,  // x += attention(n1(x)) + mlp(n1(x))
};

struct Family;  // what its tensors are and are called: src/model/family.hpp

struct ModelConfig {
  std::string architecture;        // "LlamaForCausalLM"
  const Family* family = nullptr;  // one that the program lists; set by read() and llama()
  std::int64_t vocabulary = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_size = 0,
               mlp_width = 0;
  std::int64_t positions = 0;  // longest sequence
  bool tied_head = false;

  NormKind norm = NormKind::rms;
  double norm_epsilon = 1e-5;
  bool embedding_norm = false;  // after the embedding
  bool head_norms = false;      // on every head's query and key, before the rotation
  bool branch_norms = false;    // a second norm after attention and after the MLP
  Residual residual = Residual::sequential;

  Activation activation = Activation::silu;
  bool gated = true;  // activation(gate) * up, instead of activation(up)
  bool qkv_bias = false, output_bias = false, mlp_bias = false, head_bias = false;

  PositionKind position = PositionKind::rotary;
  std::int64_t position_offset = 0;  // learned: rows of the table before position 0
  std::int64_t rotary_size = 0;      // leading elements of a head that turn
  bool rotary_interleaved = false;   // pairs (2e, 2e + 1) instead of (e, e + rotary_size / 2)
  RopeConfig rope;
  std::optional<RopeConfig> window_rope;  // of layers with a window, where it differs

  bool qkv_per_head = false;     // rows of qkv: q, k, v of head 0, then of head 1, ...
  double attention_scale = 0;    // of the scores; read() sets 1 / sqrt(head_size) where 0
  bool scale_by_layer = false;   // scores of layer i divided by i + 1
  double attention_softcap = 0;  // c tanh(score / c); 0: none
  double logit_softcap = 0;
  double embedding_scale = 1;
  std::vector<std::int64_t> windows;  // [layers] keys a token sees, itself included; 0: all of
                                      // them. Empty: no layer has one.

  std::vector<std::int32_t> eos;  // token ids that end an answer
  nlohmann::json source;          // config.json as it was read, to save beside changed weights
  /// How this model's own files name tensors where families' files differ: what precedes every
  /// name but the head's ("model.", or nothing), and the head's name.
  std::string stored_root, stored_head;

  std::int64_t window(std::int64_t layer) const { return windows.empty() ? 0 : windows[layer]; }

  /// InputError: file missing or malformed, unsupported architecture (lists the supported ones), a
  /// key that is missing, contradicts another, or asks for arithmetic that is not supported.
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
