// Phi-3, Phi-3.5 and Phi-4: Llama with fused matrices, rotation of a part of each head, longrope.
#include "../family.hpp"
#include "rope_keys.hpp"

namespace factsweep {
namespace {

/// transformers knows longrope alone here, and takes the trained length from beside the rest.
RopeConfig read_phi3_rope(const ConfigReader& reader, std::int64_t positions) {
  const double theta = reader.positive("rope_theta", 10000);
  const ConfigReader object = rope_section(reader, theta);
  const char* key = object.has("rope_type") ? "rope_type" : "type";
  const std::string scaling = object.word(key, "default");
  if (scaling == "default") return read_rope_object(object, theta, positions);
  if (scaling != "longrope") object.refuse(key, "default, longrope");
  return read_longrope(object, theta, static_cast<double>(positions),
                       reader.positive("original_max_position_embeddings", 4096));
}

ModelConfig read_phi3(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(
      reader, {.positions = 4096, .epsilon = 1e-5, .rotary_part = 1, .own_rope = true});
  config.rope = read_phi3_rope(reader, config.positions);
  for (const char* key : {"attention_bias", "mlp_bias", "lm_head_bias"}) reader.only(key, false);
  config.windows = read_one_window(reader, config.layers);
  return config;
}

}  // namespace

extern const Family kPhi3;
const Family kPhi3 = {
    {"Phi3ForCausalLM"}, read_phi3, {.qkv = {"self_attn.qkv_proj"}, .up = {"mlp.gate_up_proj"}}};

}  // namespace factsweep
