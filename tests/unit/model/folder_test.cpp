// What a model folder's small files say together: end tokens, rotary embedding, added tokens, and
// the fingerprint that all of them enter.
#include "catch.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("rope_scaling is taken before rope_parameters, as transformers does") {
  const auto read = [](const char* family, const nlohmann::json& keys) {
    const TemporaryFolder folder;
    nlohmann::json config = read_json(model_data("families") / family / "config.json");
    config.update(keys);
    write_file(folder / "config.json", config.dump());
    return ModelConfig::read(folder.path());
  };
  const auto error_of = [&](const char* family, const nlohmann::json& keys) {
    return input_error([&] { read(family, keys); });
  };
  const nlohmann::json plain = {{"rope_type", "default"}, {"rope_theta", 10000.0}};
  const nlohmann::json linear = {{"type", "linear"}, {"factor", 4.0}};
  const RopeConfig both =
      read("llama", {{"rope_parameters", plain}, {"rope_scaling", linear}}).rope;
  CHECK(both.scaling == "linear");
  CHECK(both.factor == 4);
  CHECK(both.theta == 10000);
  CHECK(read("llama", {{"rope_parameters", plain}, {"rope_scaling", nullptr}}).rope.scaling ==
        "default");
  CHECK(read("llama", {{"rope_parameters", plain}, {"rope_scaling", nlohmann::json::object()}})
            .rope.scaling == "default");
  // the base that would be lost
  nlohmann::json other = plain;
  other["rope_theta"] = 500000.0;
  CHECK_THAT(error_of("llama", {{"rope_parameters", other}, {"rope_scaling", linear}}),
             ContainsSubstring("rope_scaling") && ContainsSubstring("rope_parameters"));
  const RopeConfig outside = read("llama", {{"rope_parameters", other},
                                            {"rope_scaling", linear},
                                            {"rope_theta", 500000.0}})
                                 .rope;
  CHECK(outside.theta == 500000);
  nlohmann::json partial = plain;
  partial["partial_rotary_factor"] = 0.5;
  CHECK_THAT(error_of("gpt_neox", {{"rope_parameters", partial}, {"rope_scaling", linear}}),
             ContainsSubstring("partial_rotary_factor"));
  nlohmann::json named = linear;
  named["partial_rotary_factor"] = 0.5;
  CHECK(read("gpt_neox", {{"rope_parameters", partial}, {"rope_scaling", named}}).rope.factor == 4);
  // Gemma 3: rope_scaling is of the layers without a window, and leaves their base
  const nlohmann::json full = {{"rope_type", "default"}, {"rope_theta", 20000.0}};
  const ModelConfig gemma =
      read("gemma3", {{"rope_parameters", {{"full_attention", full}, {"sliding_attention", full}}},
                      {"rope_scaling", linear}});
  CHECK(gemma.rope.scaling == "linear");
  CHECK(gemma.rope.theta == 20000);
  CHECK(gemma.window_rope->scaling == "default");
}

TEST_CASE("every end token that a file names ends an answer; training appends the tokenizer's") {
  const TemporaryFolder folder;
  write_tiny_model(folder.path());
  const auto change = [&](const char* file, const char* key, const nlohmann::json& value) {
    nlohmann::json content = nlohmann::json::object();
    if (std::filesystem::exists(folder / file)) content = read_json(folder / file);
    content[key] = value;
    write_file(folder / file, content.dump());
  };
  const auto eos = [&] { return Model::load(folder.path(), torch::kFloat32, torch::kCPU).eos; };
  change("config.json", "eos_token_id", 4);
  CHECK(eos() == std::vector<TokenId>{4});
  change("generation_config.json", "eos_token_id", {5, 6, 900});
  CHECK(eos() == std::vector<TokenId>{5, 4, 6});
  change("tokenizer_config.json", "eos_token", "</s>");
  CHECK(eos() == std::vector<TokenId>{2, 4, 5, 6});
  change("tokenizer_config.json", "added_tokens_decoder", nlohmann::json::object());
  change("special_tokens_map.json", "eos_token", "<s>");
  CHECK(eos() == std::vector<TokenId>{2, 1, 4, 5, 6});
}

TEST_CASE("every file that is read enters a model's fingerprint") {
  const TemporaryFolder folder;
  write_tiny_model(folder.path());
  std::string last = model_fingerprint(folder.path());
  for (const char* file :
       {"generation_config.json", "special_tokens_map.json", "added_tokens.json",
        "tokenizer_config.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt",
        "sentencepiece.bpe.model", "model.safetensors.index.json", "merges.txt.gz"}) {
    INFO(file);
    write_file(folder / file, "{}");
    const std::string now = model_fingerprint(folder.path());
    CHECK(now != last);
    last = now;
  }
  write_file(folder / "README.md", "{}");
  CHECK(model_fingerprint(folder.path()) == last);
}

TEST_CASE("a token that was added without a row of the embedding stops only texts that hold it") {
  const TemporaryFolder folder;
  write_tiny_model(folder.path());
  const auto load = [&] { return Model::load(folder.path(), torch::kFloat32, torch::kCPU); };
  nlohmann::json tokenizer = read_json(folder / "tokenizer.json");
  for (int i = 0; tokenizer["model"]["vocab"].size() < 64; ++i)
    tokenizer["model"]["vocab"][fmt::format("<{}>", i)] = tokenizer["model"]["vocab"].size();
  write_file(folder / "tokenizer.json", tokenizer.dump());
  const std::vector<TokenId> ids = load().tokenizer->encode("a b");
  write_file(folder / "added_tokens.json", R"({"<pad>": 64})");
  const Model model = load();
  CHECK(model.tokenizer->encode("a b") == ids);
  CHECK(model.tokenizer->size() == 64);
  CHECK_THAT(input_error([&] { model.tokenizer->encode("a <pad>"); }),
             ContainsSubstring("'<pad>'") && ContainsSubstring("64 rows"));
  std::filesystem::remove(folder / "added_tokens.json");
  tokenizer["model"]["vocab"]["more"] = 64;
  write_file(folder / "tokenizer.json", tokenizer.dump());
  CHECK_THAT(input_error(load), ContainsSubstring("Do both belong to one model?"));
}
