// OLMo 1 (norms without parameters), OLMo 2 (norms after the branches alone, and over all queries
// and all keys) and OLMo 3 (the same with windows on some layers, whose rotation is not scaled);
// OLMoE, with experts.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_olmo1(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader);
  config.norm = NormKind::layer;
  config.norm_epsilon = 1e-5;  // no key sets it
  config.norm_gain = config.norm_bias = false;
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.qkv_clip = reader.cap("clip_qkv", 0);
  return config;
}

ModelConfig read_later_olmo(const ConfigReader& reader, const LlamaDefaults& defaults) {
  ModelConfig config = read_llama_keys(reader, defaults);
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.head_norms = HeadNorms::whole;
  config.pre_norms = false;
  config.branch_norms = true;
  reader.only("clip_qkv", nullptr);
  return config;
}

ModelConfig read_olmo2(const ConfigReader& reader) {
  return read_later_olmo(reader, {.epsilon = 1e-5});
}

ModelConfig read_olmo3(const ConfigReader& reader) {
  constexpr double kTheta = 500000;
  ModelConfig config = read_later_olmo(reader, {.theta = kTheta, .epsilon = 1e-5});
  config.windows = read_windows(
      reader, config.layers, [](const ConfigReader&, std::int64_t i) { return (i + 1) % 4 != 0; });
  const ConfigReader both = reader.section("rope_parameters");
  if (!both.has("full_attention") && !both.has("sliding_attention")) {
    for (const char* key : {"rope_type", "type", "factor", "rope_theta"}) both.only(key, nullptr);
  }
  // as transformers: rope_theta beside the rest is that of layers without a window alone
  read_rope_by_layer_type(reader, kTheta, kTheta, config);
  return config;
}

/// Norms before the branches, as OLMo 1, and over all queries and keys, as OLMo 2.
ModelConfig read_olmoe(const ConfigReader& reader) {
  ModelConfig config = read_llama_keys(reader, {.positions = 4096, .epsilon = 1e-5});
  refuse_own_head_size(reader, config);
  config.qkv_bias = config.output_bias = reader.flag("attention_bias", false);
  config.head_norms = HeadNorms::whole;
  config.qkv_clip = reader.cap("clip_qkv", 0);
  config.experts = read_expert_count(reader, 64);
  config.experts_per_token = reader.size("num_experts_per_tok", 8);
  config.expert_width = config.mlp_width;
  config.normalized_routing = reader.flag("norm_topk_prob", false);
  reader.only("layer_types", nullptr);
  return config;
}

const CheckpointNames kAfterBranches = {.norm_after_attention = "post_attention_layernorm",
                                        .norm_after_mlp = "post_feedforward_layernorm"};

}  // namespace

extern const Family kOlmo1, kOlmo2, kOlmo3, kOlmoE;
const Family kOlmo1 = {{"OlmoForCausalLM"}, read_olmo1, {}};
const Family kOlmo2 = {{"Olmo2ForCausalLM"}, read_olmo2, kAfterBranches};
const Family kOlmo3 = {{"Olmo3ForCausalLM"}, read_olmo3, kAfterBranches};
const Family kOlmoE = {{"OlmoeForCausalLM"}, read_olmoe, {}};

}  // namespace factsweep
