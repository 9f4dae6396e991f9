// What a forward pass computes besides products with its linears: norms, gates, attention, the
// loss. One implementation is chosen for a whole pass, by where and for what it computes.
#pragma once

#include <torch/types.h>

#include <memory>
#include <vector>

#include "attention_mask.hpp"
#include "factsweep/model/transformer.hpp"
#include "rope.hpp"

namespace factsweep {

/// What the attention of every layer of one pass reads besides queries, keys and values.
struct AttentionInput {
  AttentionInput(const Weights& weights, const PackedTokens& packed, const ForwardOptions& options);

  /// The rotation of layer `layer`; null where positions are not rotated in.
  const Rotation* rotation_of(std::int64_t layer) const;
  /// New keys (rotated) and values of layer `i`, [B, G, T, E], for whoever keeps them.
  void keep(std::int64_t i, const torch::Tensor& keys, const torch::Tensor& values) const;
  /// After the last layer.
  void finish() const;
  bool has_context() const { return context.has_prefix() || context.has_past(); }

  const ModelConfig& config;
  const PackedTokens& tokens;
  const Context& context;
  KeyValueCache* kept;          // receives new keys and values unless null
  torch::Tensor kept_rows_B;    // in these rows; undefined: the first ones
  torch::Tensor prefix_of_B;    // Context::prefix_of; undefined where that is empty
  torch::Tensor past_valid_BL;  // bool: where the past holds a token; undefined without one
  AttentionMask mask;
  Rotation turn, window_turn;  // window_turn: of layers with a window, where it differs
};

/// The functions of a pass; these here are made of tensor operations and hold for every
/// architecture, device and dtype, with gradients and without. Implementations take the place of
/// those that they compute faster.
class Kernels {
 public:
  /// `config` must outlive the kernels.
  explicit Kernels(const ModelConfig& config) : c_(config) {}
  virtual ~Kernels() = default;
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

  virtual torch::Tensor normalize(const Norm& norm, const torch::Tensor& x) const;
  /// Adds `branch` to x, which may be overwritten, and gives the norm of the sum.
  virtual torch::Tensor add_norm(torch::Tensor& x, const torch::Tensor& branch,
                                 const Norm& norm) const;
  /// What stands between the MLP's matrices: [N, 2F] of a gated MLP or [N, F] -> [N, F]. `layer`:
  /// what an activation with parameters reads.
  virtual torch::Tensor activate(const torch::Tensor& up, const LayerWeights& layer) const;
  /// Attention of layer `i` over packed rows qkv [N, (H + 2G) E], which may be overwritten:
  /// [N, H E].
  virtual torch::Tensor attend(AttentionInput& input, std::int64_t i, const LayerWeights& layer,
                               torch::Tensor qkv) const;
  /// See cross_entropy() of transformer.hpp.
  virtual torch::Tensor cross_entropy(const Weights& weights, const torch::Tensor& hidden_RD,
                                      const torch::Tensor& targets_R) const;

 protected:
  /// ModelConfig::head_norms of queries or keys [N, heads, E].
  torch::Tensor normalize_heads(const Norm& norm, const torch::Tensor& x) const;

  const ModelConfig& c_;
};

/// Of a pass that begins now: by the weights' device and dtype, and by whether gradients are
/// wanted.
std::unique_ptr<const Kernels> choose_kernels(const Weights& weights);

/// cpu_inference.cpp and cpu_training.cpp; null where they do not apply.
std::unique_ptr<const Kernels> cpu_inference(const Weights& weights);
std::unique_ptr<const Kernels> cpu_training(const Weights& weights);

/// Whether layer `i` attends as most families do, which is all that the kernels of CPUs know: to
/// everything before a token, queries, keys and values next to each other, turned by halves, scores
/// divided by the root of the head size.
bool attends_plainly(const AttentionInput& input, std::int64_t i);

/// Queries, keys and values [N, heads, E] of packed rows.
std::vector<torch::Tensor> split_heads(const ModelConfig& config, const torch::Tensor& qkv);

/// Packed rows [N, heads, E] -> [B, heads, T, E], zero where a sequence has no token.
torch::Tensor unpack(const torch::Tensor& rows, const PackedTokens& tokens);

/// cap * tanh(x / cap) in float32, which a bfloat16 result is rounded from once instead of three
/// times.
torch::Tensor soft_cap(const torch::Tensor& x, double cap);

}  // namespace factsweep
