// adapter_config.json: what is read, written and refused, and which modules it chooses. The rules
// are PEFT's (check_target_module_exists, get_pattern_key); the chosen sets were printed by PEFT.
#include <nlohmann/json.hpp>
#include <set>

#include "catch.hpp"
#include "factsweep/model/transformer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

LoraConfig config_of(const std::string& changes) {
  nlohmann::ordered_json json = {
      {"peft_type", "LORA"}, {"r", 4}, {"lora_alpha", 8}, {"target_modules", {"q_proj"}}};
  json.update(nlohmann::ordered_json::parse(changes));
  return LoraConfig::parse(json.dump(), "a.json");
}

std::string refusal(const std::string& changes) {
  return input_error([&] { config_of(changes); });
}

ModelConfig model(const std::string& family) {
  return ModelConfig::read(model_data("families/" + family));
}

/// Chosen modules without "model.layers.".
std::set<std::string> chosen(const std::string& changes, const std::string& family = "llama") {
  std::set<std::string> names;
  for (const LoraTarget& target : find_targets(config_of(changes), model(family), "here")) {
    const std::string& name = target.module.name;
    names.insert(name.substr(name.find_first_of("0123456789")));
  }
  return names;
}

std::string mistake(const std::string& changes, bool strict = false) {
  return input_error([&] { find_targets(config_of(changes), model("llama"), "here", strict); });
}

using Names = std::set<std::string>;

}  // namespace

TEST_CASE("modules are chosen by PEFT's rules") {
  CHECK(chosen("{}") == Names{"0.self_attn.q_proj", "1.self_attn.q_proj"});
  // whole parts of a name only
  CHECK(mistake(R"({"target_modules": ["proj"]})") != "");
  CHECK(chosen(R"({"target_modules": ["self_attn.q_proj", "model.layers.1.mlp.up_proj"]})") ==
        Names{"0.self_attn.q_proj", "1.self_attn.q_proj", "1.mlp.up_proj"});
  // one string is a regular expression of the whole name, as Python reads it
  CHECK(chosen(R"({"target_modules": ".*\\.1\\.(?P<part>self_attn)\\.[qk]_proj"})") ==
        Names{"1.self_attn.q_proj", "1.self_attn.k_proj"});
  CHECK(chosen(R"x({"target_modules": ".*(?<!gate|down)_proj(?!x)",
                   "exclude_modules": ".*self_attn.*"})x") ==
        Names{"0.mlp.up_proj", "1.mlp.up_proj"});
  CHECK(mistake(R"({"target_modules": "q_proj"})") != "");  // no full match
  CHECK(chosen(R"({"target_modules": ["q_proj", "v_proj"],
                   "exclude_modules": ["0.self_attn.q_proj", "model.layers.1.self_attn.v_proj"]})") ==
        Names{"1.self_attn.q_proj", "0.self_attn.v_proj"});
  CHECK(chosen(R"({"layers_to_transform": 1})") == Names{"1.self_attn.q_proj"});
  CHECK(chosen(R"({"layers_to_transform": [0, 7], "layers_pattern": ["h", "layers"]})") ==
        Names{"0.self_attn.q_proj"});
  CHECK(mistake(R"({"layers_to_transform": [0], "layers_pattern": "blocks"})") != "");
  // a module named in full is adapted whatever the layers say
  CHECK(chosen(R"({"target_modules": ["k_proj", "model.layers.0.self_attn.q_proj"],
                   "layers_to_transform": [1]})") ==
        Names{"1.self_attn.k_proj", "0.self_attn.q_proj"});
  CHECK(chosen(R"({"target_modules": "All-Linear"})").size() == 2 * 7);
  CHECK(chosen(R"({"target_modules": "all-linear", "exclude_modules": ["lm_head", "c_attn"]})",
               "gpt2")
            .size() == 2 * 3);
  CHECK(chosen(R"({"target_modules": ["query_key_value"]})", "gpt_neox").size() == 2);
}

TEST_CASE("ranks and scales follow patterns, the first that matches") {
  const auto find = [](const std::string& changes) {
    return find_targets(config_of(changes), model("llama"), "here");
  };
  const auto two = find(R"({"target_modules": ["q_proj", "k_proj", "down_proj"],
      "rank_pattern": {"layers\\.1\\.self_attn\\.[qk]_proj": 16, "q_proj": 2, "proj": 5},
      "alpha_pattern": {"k_proj": 1.5}})");
  REQUIRE(two.size() == 6);
  const std::vector<std::int64_t> ranks = {2, 4, 4, 16, 16, 4};
  const std::vector<double> scales = {4, 1.5 / 4, 2, 0.5, 1.5 / 16, 2};
  for (std::size_t i = 0; i < two.size(); ++i) {
    INFO(two[i].module.name);
    CHECK(two[i].rank == ranks[i]);
    CHECK(two[i].scale == Approx(scales[i]));
    CHECK(two[i].module.layer == static_cast<std::int64_t>(i / 3));
  }
  CHECK(find(R"({"use_rslora": true})")[0].scale == Approx(4));
}

TEST_CASE("targets that cannot be adapted are told with the modules there are") {
  const std::string none = mistake(R"({"target_modules": ["query"]})");
  CHECK_THAT(none, ContainsSubstring("here: 'query' matches no module") &&
                       ContainsSubstring("model.layers.0.self_attn.q_proj") &&
                       ContainsSubstring("model.layers.0.mlp.down_proj") &&
                       ContainsSubstring("0 to 1"));
  for (const char* name : {"lm_head", "embed_tokens", "input_layernorm"}) {
    CHECK_THAT(mistake(R"({"target_modules": ["q_proj", ")" + std::string(name) + "\"]}"),
               ContainsSubstring(name) && ContainsSubstring("linears of blocks"));
  }
  CHECK_THAT(mistake(R"({"target_modules": ".*"})"), ContainsSubstring("'lm_head' is chosen"));
  const std::string stray = R"({"target_modules": ["q_proj", "w1"]})";
  CHECK(mistake(stray) == "");
  CHECK_THAT(mistake(stray, true), ContainsSubstring("'w1' matches no module"));
  CHECK_THAT(mistake(R"({"target_modules": "(q"})"),
             ContainsSubstring("here") && ContainsSubstring("(q"));
  CHECK_THAT(mistake(R"({"rank_pattern": {"[": 3}})"), ContainsSubstring("regular expression"));
}

TEST_CASE("what is more than plain LoRA is refused by key and value") {
  const std::vector<std::array<const char*, 3>> cases = {
      {R"({"peft_type": "IA3"})", "peft_type", "IA3"},
      {R"({"task_type": "SEQ_CLS"})", "task_type", "SEQ_CLS"},
      {R"({"use_dora": true})", "use_dora", "true"},
      {R"({"modules_to_save": [2]})", "modules_to_save", "[2]"},
      {R"({"modules_to_save": ["lm_head"], "bias": "all"})", "modules_to_save", "lm_head"},
      {R"({"init_lora_weights": "pissa"})", "init_lora_weights", "pissa"},
      {R"({"lora_bias": true})", "lora_bias", "true"},
      {R"({"layer_replication": [[0, 2]]})", "layer_replication", "[[0,2]]"},
      {R"({"target_parameters": ["experts"]})", "target_parameters", "experts"},
      {R"({"brand_new": {"x": 1}})", "brand_new", "{\"x\":1}"},
      {R"({"r": 0})", "r = 0", "from 1"},
      {R"({"r": 2.5})", "r = 2.5", "whole"},
      {R"({"lora_alpha": "8"})", "lora_alpha", "\"8\""},
      {R"({"lora_dropout": 1})", "lora_dropout = 1", "0.999"},
      {R"({"bias": "some"})", "bias", "some"},
      {R"({"target_modules": null})", "target_modules", "null"},
      {R"({"target_modules": []})", "target_modules", "[]"},
      {R"({"target_modules": [1]})", "target_modules", "[1]"},
      {R"({"rank_pattern": {"q": -1}})", "rank_pattern", "-1"},
      {R"({"use_rslora": "yes"})", "use_rslora", "yes"},
      {R"({"target_modules": ".*q_proj", "layers_to_transform": [1]})", "layers_to_transform", "1"},
      {R"({"layers_pattern": "layers"})", "layers_pattern", "layers"}};
  for (const auto& [changes, key, value] : cases) {
    INFO(changes);
    CHECK_THAT(refusal(changes),
               ContainsSubstring("a.json: ") && ContainsSubstring(key) && ContainsSubstring(value));
  }
  // what PEFT writes of features that are off, and numbers that only set such features up
  CHECK(refusal(R"({"use_dora": false, "loftq_config": {}, "modules_to_save": null, "new": 16,
                    "megatron_core": "megatron.core", "peft_version": "9", "lora_bias": false,
                    "fan_in_fan_out": true, "init_lora_weights": "gaussian"})") == "");
  for (const char* text : {"", "[]", "{", "{}", R"({"r": 4})"})
    CHECK_THAT(input_error([&] { LoraConfig::parse(text, "a.json"); }),
               ContainsSubstring("a.json"));
  CHECK_THAT(input_error([&] { LoraConfig::read("/nowhere/adapter_config.json"); }),
             ContainsSubstring("/nowhere/adapter_config.json"));
}

TEST_CASE("a config comes back as it was written") {
  const LoraConfig config = config_of(
      R"({"lora_alpha": 2.5, "lora_dropout": 0.1, "use_rslora": true, "bias": "lora_only",
          "target_modules": ["q_proj", "up_proj"], "exclude_modules": "x.*",
          "rank_pattern": {"z": 1, "a": 2}, "alpha_pattern": {"y": 3.5, "b": 4},
          "layers_to_transform": [0, 1], "layers_pattern": "layers",
          "modules_to_save": ["lm_head", "embed_tokens"], "ensure_weight_tying": true,
          "base_model_name_or_path": "some/base"})");
  const std::string text = config.json(model("llama"));
  CHECK(LoraConfig::parse(text, "b.json").json(model("llama")) == text);
  const auto json = nlohmann::ordered_json::parse(text);
  CHECK(json.at("rank_pattern").dump() == R"({"z":1,"a":2})");  // the order decides
  CHECK(json.at("alpha_pattern").dump() == R"({"y":3.5,"b":4})");
  CHECK(json.at("lora_alpha") == 2.5);
  CHECK(json.at("base_model_name_or_path") == "some/base");
  CHECK(json.at("fan_in_fan_out") == false);
  // "all-linear" as names that every reader understands
  LoraConfig all = config_of(R"({"target_modules": "all-linear"})");
  const auto gpt2 = nlohmann::json::parse(all.json(model("gpt2")));
  CHECK(gpt2.at("target_modules") == nlohmann::json{"c_attn", "c_proj", "c_fc"});
  CHECK(gpt2.at("fan_in_fan_out") == true);
  CHECK(nlohmann::json::parse(all.json(model("gpt_neox"))).at("fan_in_fan_out") == false);
}
