// Mixtral: Mistral with experts, whose weights sum to 1, in place of every MLP.
#include "../family.hpp"

namespace factsweep {
namespace {

ModelConfig read_mixtral(const ConfigReader& reader) {
  ModelConfig config =
      read_llama_keys(reader, {.kv_heads = 8, .positions = 131072, .epsilon = 1e-5});
  config.windows = read_one_window(reader, config.layers);
  config.experts = read_expert_count(reader, 8);
  config.experts_per_token = reader.size("num_experts_per_tok", 2);
  config.expert_width = config.mlp_width;
  config.normalized_routing = true;
  return config;
}

}  // namespace

extern const Family kMixtral;
const Family kMixtral = {{"MixtralForCausalLM"},
                         read_mixtral,
                         {.router = "block_sparse_moe.gate",
                          .experts = "block_sparse_moe.experts.",
                          .expert_up = {"w1", "w3"},
                          .expert_down = "w2"}};

}  // namespace factsweep
