// The layers of all families so far: attention, an MLP or experts, norms before or after each
// branch or both, and perhaps on queries and keys.
#include <cmath>

#include "../family.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

using Modules = std::vector<LinearSpec::Module>;

/// How a matrix divides into modules: one fused module, or as many as `parts`.
Modules divide(const std::vector<std::string>& names, const std::vector<std::int64_t>& parts) {
  if (names.size() == 1) {
    Modules whole = {{names.front(), 0}};
    for (const std::int64_t part : parts) whole.front().rows += part;
    return whole;
  }
  require(names.size() == parts.size(), "a family names another number of modules than it has");
  Modules modules;
  for (std::size_t i = 0; i < parts.size(); ++i) modules.push_back({names[i], parts[i]});
  return modules;
}

/// Of queries or keys.
NormSpec head_norm(const ModelConfig& c, const CheckpointNames& names, Norm LayerWeights::*place,
                   const std::string& name, std::int64_t heads) {
  const std::int64_t E = c.head_size;
  const bool has_bias = c.norm == NormKind::layer && c.norm_bias;
  if (c.head_norms == HeadNorms::whole) return {place, name, heads * E, has_bias};
  if (c.head_norms == HeadNorms::shared) return {place, name, E, has_bias};
  return {place, name, E, false, heads, names.norms_by_head};
}

/// Experts, and the MLP beside them.
std::vector<LayerPart> experts(const ModelConfig& c, const CheckpointNames& names) {
  Modules up, down;
  for (std::int64_t e = 0; e < c.experts; ++e) {
    const std::string prefix = names.experts + std::to_string(e) + ".";
    for (const std::string& name : names.expert_up) up.push_back({prefix + name, c.expert_width});
    down.push_back({prefix + names.expert_down, c.width});
  }
  std::vector<LayerPart> parts = {
      MatrixSpec{&LayerWeights::router, c.width, {{names.router, c.experts}}, Init::normal},
      MatrixSpec{&LayerWeights::experts_up, c.width, up, Init::normal},
      MatrixSpec{&LayerWeights::experts_down, c.expert_width, down, Init::residual}};
  if (c.shared_width == 0) return parts;
  const std::int64_t F = c.shared_width;
  const Modules both = {{names.shared + ".gate_proj", F}, {names.shared + ".up_proj", F}};
  parts.emplace_back(LinearSpec{"up", c.width, both, false, Init::normal});
  parts.emplace_back(
      LinearSpec{"down", F, {{names.shared + ".down_proj", c.width}}, false, Init::residual});
  parts.emplace_back(
      LinearSpec{"shared_gate", c.width, {{names.shared + "_gate", 1}}, false, Init::normal});
  return parts;
}

}  // namespace

std::vector<LayerPart> dense_layer(const ModelConfig& c, const CheckpointNames& names,
                                   std::int64_t layer) {
  const std::int64_t q = c.heads * c.head_size, kv = c.kv_heads * c.head_size;
  const bool has_bias = c.norm == NormKind::layer && c.norm_bias;
  const bool renamed = c.residual == Residual::parallel && !names.parallel_norms.empty();
  std::vector<LayerPart> parts;
  const auto norm = [&](Norm LayerWeights::*place, const std::string& name) {
    if (c.norm_gain) parts.emplace_back(NormSpec{place, name, c.width, has_bias});
  };
  if (c.pre_norms)
    norm(&LayerWeights::norm_attention, renamed ? names.parallel_norms[0] : names.norm_attention);
  parts.emplace_back(
      LinearSpec{"qkv", c.width, divide(names.qkv, {q, kv, kv}), c.qkv_bias, Init::normal});
  if (c.head_norms != HeadNorms::none) {
    parts.emplace_back(head_norm(c, names, &LayerWeights::norm_query, names.norm_query, c.heads));
    parts.emplace_back(head_norm(c, names, &LayerWeights::norm_key, names.norm_key, c.kv_heads));
  }
  parts.emplace_back(
      LinearSpec{"output", q, {{names.output, c.width}}, c.output_bias, Init::residual});
  if (c.branch_norms) norm(&LayerWeights::norm_after_attention, names.norm_after_attention);
  if (c.pre_norms && c.residual != Residual::parallel_shared)
    norm(&LayerWeights::norm_mlp, renamed ? names.parallel_norms[1] : names.norm_mlp);
  if (c.has_experts(layer)) {
    for (LayerPart& part : experts(c, names)) parts.push_back(std::move(part));
    return parts;
  }
  const std::vector<std::int64_t> up(c.gated ? 2 : 1, c.mlp_width);
  parts.emplace_back(LinearSpec{"up", c.width, divide(names.up, up), c.mlp_bias, Init::normal});
  if (c.activation == Activation::xielu) {
    // as transformers begins: 0.8 each, the constants' 0.5 and -1e-6
    const auto scalar = [&](torch::Tensor LayerWeights::*place, const char* name, double initial,
                            bool is_constant) {
      parts.emplace_back(ScalarSpec{place, names.xielu + name, initial, is_constant});
    };
    scalar(&LayerWeights::xielu_positive, ".alpha_p", std::log(std::expm1(0.8)), false);
    scalar(&LayerWeights::xielu_negative, ".alpha_n", std::log(std::expm1(0.8 - 0.5)), false);
    scalar(&LayerWeights::xielu_beta, ".beta", 0.5, true);
    scalar(&LayerWeights::xielu_epsilon, ".eps", -1e-6, true);
  }
  parts.emplace_back(
      LinearSpec{"down", c.mlp_width, {{names.down, c.width}}, c.mlp_bias, Init::residual});
  if (c.branch_norms) norm(&LayerWeights::norm_after_mlp, names.norm_after_mlp);
  return parts;
}

}  // namespace factsweep
