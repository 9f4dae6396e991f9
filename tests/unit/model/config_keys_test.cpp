// Keys of config.json: those that would change the arithmetic beyond what is supported, and what
// scales a rotary embedding.
#include <cmath>

#include "catch.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/config.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("config keys that change the arithmetic beyond what is supported are refused by name") {
  const auto refusal = [](const char* family, const nlohmann::json& changes) {
    const TemporaryFolder folder;
    nlohmann::json config = read_json(model_data("families") / family / "config.json");
    config.update(changes);
    write_file(folder / "config.json", config.dump());
    return input_error([&] { ModelConfig::read(folder.path()); });
  };
  struct Refused {
    const char *family, *key;
    nlohmann::json value;
  };
  const std::vector<Refused> list = {
      {"opt", "word_embed_proj_dim", 16},
      {"opt", "do_layer_norm_before", false},
      {"opt", "_remove_final_layer_norm", true},
      {"opt", "layer_norm_elementwise_affine", false},
      {"bloom", "apply_residual_connection_post_layernorm", true},
      {"gpt2", "add_cross_attention", true},
      {"gpt2", "activation_function", "gelu_10"},
      {"gptj", "rotary_dim", 3},
      {"gemma2", "use_bidirectional_attention", true},
      {"gemma3", "attn_logit_softcapping", 5.0},
      {"qwen3", "layer_types", {"chunked_attention", "full_attention"}},
      {"qwen3", "layer_types", {"full_attention"}},
      {"mistral", "layer_types", {"full_attention"}},
      {"mistral", "sliding_window", -3},
      {"gpt_neox", "use_parallel_residual", "yes"},
      {"olmo", "clip_qkv", -1},
      {"olmo", "clip_qkv", "8"},
      {"olmo2", "clip_qkv", 8},
      {"olmo2", "partial_rotary_factor", 0.5},
      {"olmo3", "layer_types", {"full_attention"}},
      {"olmo3", "rope_parameters", {{"rope_type", "yarn"}, {"factor", 4}}},
      {"smollm3", "no_rope_layers", {1, 0}},
      {"smollm3", "no_rope_layers", "all"},
      {"phi", "hidden_act", "quick_gelu"},
      {"phi3", "layer_types", {"full_attention", "full_attention"}},
      {"phi3", "rope_scaling", {{"type", "linear"}, {"factor", 2}}},
      {"phi3", "attention_bias", true},
      {"granite", "residual_multiplier", 0},
      {"granite", "logits_scaling", "8"},
      {"stablelm", "head_dim", 12},
      {"glm4", "partial_rotary_factor", 1.5},
      {"cohere", "logit_scale", 0},
      {"cohere2", "use_qk_norm", true},
      {"cohere2", "use_parallel_block", false},
      {"cohere2", "head_dim", 12},
      {"starcoder2", "layer_types", {"full_attention", "full_attention"}},
      {"starcoder2", "mlp_type", "gated"},
      {"ministral3", "rope_parameters", {{"rope_type", "yarn"}, {"factor", 4}}},
      {"apertus", "post_norm", true},
      {"apertus", "mlp_bias", true},
      {"falcon", "parallel_attn", false},
      {"falcon", "num_ln_in_parallel_attn", 3},
      {"falcon-multi-query", "num_ln_in_parallel_attn", 2},
      {"falcon-alibi", "num_kv_heads", 3},
      {"mpt", "expansion_ratio", 2},
      {"mpt", "no_bias", false},
      {"mpt", "logit_scale", 0.5},
      {"mpt", "attn_config", {{"alibi", false}}},
      {"mpt", "attn_config", {{"alibi_bias_max", 16}}},
      {"mpt", "attn_config", {{"qk_ln", true}}},
      {"mpt", "attn_config", {{"attn_type", "multiquery_attention"}}},
      {"mixtral", "num_experts_per_tok", 6},
      {"mixtral", "num_experts", 6},
      {"mixtral", "layer_types", {"full_attention", "full_attention"}},
      {"olmoe", "clip_qkv", 0},
      {"olmoe", "head_dim", 12},
      {"qwen2_moe", "mlp_only_layers", "1"},
      {"qwen2_moe", "decoder_sparse_step", 0},
      {"qwen3_moe", "layer_types", {"full_attention", "full_attention"}},
      {"llama", "num_attention_heads", 4.0},
      {"llama", "rms_norm_eps", 0},
      {"llama", "vocab_size", 1e300},
      {"llama", "hidden_size", 4611686018427387904},
  };
  for (const Refused& one : list) {
    INFO(one.family << ": " << one.key << " = " << one.value.dump());
    const std::string message = refusal(one.family, {{one.key, one.value}});
    const std::string named = std::string(one.key) == "rotary_dim" ? "rotary" : one.key;
    CHECK_THAT(message, ContainsSubstring("config.json") && ContainsSubstring(named));
  }
  CHECK_THAT(refusal("llama", {{"rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 1}}}}),
             ContainsSubstring("rope_parameters"));
  const auto longrope = [&](const nlohmann::json& factors) {
    nlohmann::json rope =
        read_json(model_data("families") / "phi3" / "config.json")["rope_parameters"];
    rope["short_factor"] = factors;
    return refusal("phi3", {{"rope_parameters", rope}});
  };
  CHECK(longrope({1.5, 2}).empty());
  CHECK_THAT(longrope({1.5, 2, 3}),
             ContainsSubstring("short_factor") && ContainsSubstring("2 are"));
  CHECK_THAT(longrope({1.5, 0}), ContainsSubstring("short_factor"));
  CHECK_THAT(longrope(nullptr), ContainsSubstring("short_factor"));
}

TEST_CASE("yarn: what scales sine and cosine, as transformers computes it") {
  const auto factor = [](const nlohmann::json& keys) {
    const TemporaryFolder folder;
    nlohmann::json config = read_json(model_data("families") / "llama" / "config-yarn.json");
    config["rope_parameters"].update(keys);
    write_file(folder / "config.json", config.dump());
    return ModelConfig::read(folder.path()).rope.attention_factor;
  };
  CHECK(factor(nlohmann::json::object()) == Approx(0.1 * std::log(4.0) + 1));
  CHECK(factor({{"attention_factor", 1.3}}) == Approx(1.3));
  CHECK(factor({{"factor", 0.5}}) == 1);
  CHECK(factor({{"mscale", 2}, {"mscale_all_dim", 1}}) ==
        Approx((0.2 * std::log(4.0) + 1) / (0.1 * std::log(4.0) + 1)));
}
