// The layers of all families so far: four matrices, and a norm before and perhaps after each
// branch.
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

}  // namespace

std::vector<LayerPart> dense_layer(const ModelConfig& c, const CheckpointNames& names,
                                   std::int64_t) {
  const std::int64_t q = c.heads * c.head_size, kv = c.kv_heads * c.head_size;
  const auto norm = [&](Norm LayerWeights::*place, const std::string& name) {
    return NormSpec{place, name, c.width};
  };
  std::vector<LayerPart> parts;
  parts.emplace_back(norm(&LayerWeights::norm_attention, names.norm_attention));
  parts.emplace_back(
      LinearSpec{"qkv", c.width, divide(names.qkv, {q, kv, kv}), c.qkv_bias, Init::normal});
  if (c.head_norms) {
    parts.emplace_back(NormSpec{&LayerWeights::norm_query, names.norm_query, c.head_size});
    parts.emplace_back(NormSpec{&LayerWeights::norm_key, names.norm_key, c.head_size});
  }
  parts.emplace_back(
      LinearSpec{"output", q, {{names.output, c.width}}, c.output_bias, Init::residual});
  if (c.branch_norms)
    parts.emplace_back(norm(&LayerWeights::norm_after_attention, names.norm_after_attention));
  if (c.residual != Residual::parallel_shared)
    parts.emplace_back(norm(&LayerWeights::norm_mlp, names.norm_mlp));
  const std::vector<std::int64_t> up(c.gated ? 2 : 1, c.mlp_width);
  parts.emplace_back(LinearSpec{"up", c.width, divide(names.up, up), c.mlp_bias, Init::normal});
  parts.emplace_back(
      LinearSpec{"down", c.mlp_width, {{names.down, c.width}}, c.mlp_bias, Init::residual});
  if (c.branch_norms) parts.emplace_back(norm(&LayerWeights::norm_after_mlp, names.norm_after_mlp));
  return parts;
}

}  // namespace factsweep
