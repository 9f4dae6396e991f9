// A family that nobody trained: five matrices a layer, as gate and up are two, and from the second
// layer on a router. What lists linears, adapts them or asks hooks must follow.
#pragma once

#include "../../src/model/family.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep::test {

namespace five {
inline constexpr LinearId qkv = 0, output = 1, gate = 2, up = 3, down = 4, router = 5;
}

inline std::vector<LayerPart> five_matrices(const ModelConfig& c, const CheckpointNames&,
                                            std::int64_t layer) {
  const std::int64_t D = c.width, F = c.mlp_width;
  std::vector<LayerPart> parts = {
      NormSpec{&LayerWeights::norm_attention, "ln", D},
      LinearSpec{"qkv", D, {{"attn.q", D}, {"attn.kv", D}}, true, Init::normal},
      LinearSpec{"output", D, {{"attn.out", D}}, false, Init::residual},
      LinearSpec{"gate", D, {{"mlp.gate", F}}, false, Init::normal},
      LinearSpec{"up", D, {{"mlp.up", F}}, false, Init::normal},
      LinearSpec{"down", F, {{"mlp.down", D}}, false, Init::residual}};
  if (layer > 0)
    parts.emplace_back(LinearSpec{"router", D, {{"mlp.router", 3}}, false, Init::normal});
  return parts;
}

/// Two layers of width 16.
inline Weights made_up_model() {
  static const Family family = {
      {"MadeUpForCausalLM"}, nullptr, {.root = "body.", .layers = "blocks."}, five_matrices};
  ModelConfig config = ModelConfig::llama(61, 16, 2, 4, 2, 24, 64);
  config.architecture = "MadeUpForCausalLM";
  config.family = &family;
  config.stored_root = family.names.root;
  return Weights::random(config, 3);
}

}  // namespace factsweep::test
