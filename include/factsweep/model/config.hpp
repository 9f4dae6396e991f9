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
  std::string scaling = "default";  // default | linear | dynamic | llama3 | yarn | longrope
  double factor = 1;
  double low_frequency_factor = 1, high_frequency_factor = 4;  // llama3
  double original_positions = 8192;                            // llama3, yarn, longrope
  double attention_factor = 1;  // yarn, longrope: scales sine and cosine (arXiv 2309.00071)
  double beta_fast = 32, beta_slow = 1;  // yarn: rotations that bound the blend
  bool truncate = true;                  // yarn: bounds rounded outwards
  /// longrope (Ding et al., arXiv 2402.13753): what divides each frequency, in texts up to
  /// original_positions and in longer ones; [rotary_size / 2].
  std::vector<double> short_factors, long_factors;
};

enum class NormKind {
  rms,           // RMSNorm
  rms_plus_one,  // RMSNorm whose stored gain is the gain minus one (Gemma)
  layer,         // LayerNorm
};
/// Norms on queries and keys, before the rotation.
enum class HeadNorms {
  none,
  shared,  // over the elements of a head, one gain for all heads
  each,    // LayerNorm over the elements of a head, a gain for every head and no bias
  whole,   // over all heads together
};
enum class Activation { silu, gelu, gelu_tanh, relu, xielu };
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
  bool norm_gain = true, norm_bias = true;  // without both a norm has no parameters; RMSNorm has
                                            // no bias
  bool embedding_norm = false;              // after the embedding
  HeadNorms head_norms = HeadNorms::none;
  bool pre_norms = true;      // in front of attention and MLP
  bool branch_norms = false;  // after attention and after the MLP
  Residual residual = Residual::sequential;
  double residual_scale = 1;  // of what a branch adds

  Activation activation = Activation::silu;
  bool gated = true;  // activation(gate) * up, instead of activation(up)
  bool qkv_bias = false, output_bias = false, mlp_bias = false, head_bias = false;

  /// Experts in place of an MLP (Shazeer et al., arXiv 1701.06538); 0: an MLP in every layer.
  std::int64_t experts = 0, experts_per_token = 0, expert_width = 0;
  std::int64_t shared_width = 0;    // of a gated MLP beside the experts that every token takes
  bool normalized_routing = false;  // weights of a token's experts sum to 1
  std::vector<char> sparse;         // [layers] 0: an MLP. Empty: experts in all

  PositionKind position = PositionKind::rotary;
  std::int64_t position_offset = 0;  // learned: rows of the table before position 0
  std::int64_t rotary_size = 0;      // leading elements of a head that turn
  bool rotary_interleaved = false;   // pairs (2e, 2e + 1) instead of (e, e + rotary_size / 2)
  std::vector<char> rotated;         // [layers] 0: positions play no part there. Empty: all rotate
  bool alibi_before_scale = false;   // penalties are scaled as scores are, and are bfloat16
                                     // products of slope and position (Falcon)
  RopeConfig rope;
  std::optional<RopeConfig> window_rope;  // of layers with a window, where it differs

  bool qkv_per_head = false;     // rows of qkv: of each key-value head its queries, k and v
  double qkv_clip = 0;           // queries, keys and values stay within +- this; 0: any
  double attention_scale = 0;    // of the scores; read() sets 1 / sqrt(head_size) where 0
  bool scale_by_layer = false;   // scores of layer i divided by i + 1
  double attention_softcap = 0;  // c tanh(score / c); 0: none
  double query_growth = 0;       // queries times 1 + this log(1 + floor(position / trained length))
  double logit_softcap = 0;
  double logit_scale = 1;
  double embedding_scale = 1;
  std::vector<std::int64_t> windows;  // [layers] keys a token sees, itself included; 0: all of
                                      // them. Empty: no layer has one.

  std::vector<std::int32_t> eos;  // token ids that end an answer
  nlohmann::json source;          // config.json as it was read, to save beside changed weights
  /// How this model's own files name tensors where families' files differ: what precedes every
  /// name but the head's ("model.", or nothing), and the head's name.
  std::string stored_root, stored_head;

  /// Whether queries of a text of `end` tokens grow, beyond rope.original_positions.
  bool grows_queries(std::int64_t end) const {
    return query_growth != 0 && static_cast<double>(end) > rope.original_positions;
  }
  bool has_experts(std::int64_t layer) const {
    return experts > 0 && (sparse.empty() || sparse[static_cast<std::size_t>(layer)] != 0);
  }
  /// Elements between the matrices of an MLP or of experts that a token takes, on average over the
  /// layers.
  double active_mlp_width() const;
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
