// Where BOS, EOS and added tokens come from, and the two-file form of GPT-2.
#include "text_support.hpp"

namespace factsweep {
namespace {

using testing::Folder;
using testing::Ids;

void write_tiny(const Folder& folder) {
  folder.write_json("tokenizer.json", read_json(testing::stored("tiny_bpe/tokenizer.json")));
}

/// vocab.json and merges.txt with the content of the stored tokenizer.json.
void write_two_files(const Folder& folder) {
  const nlohmann::json model = read_json(testing::stored("tiny_bpe/tokenizer.json")).at("model");
  folder.write_json("vocab.json", model.at("vocab"));
  std::string merges = "#version: 0.2\n";
  for (const auto& pair : model.at("merges")) {
    merges += pair[0].get<std::string>() + " " + pair[1].get<std::string>() + "\n";
  }
  folder.write("merges.txt", std::string_view(merges));
}

TokenId id_of(const char* token) {
  return read_json(testing::stored("tiny_bpe/tokenizer.json")).at("model").at("vocab").at(token);
}

}  // namespace

TEST_CASE("special tokens are named by string or by object") {
  Folder folder;
  write_tiny(folder);
  folder.write_json("tokenizer_config.json",
                    {{"bos_token", {{"content", "<|end|>"}, {"__type", "AddedToken"}}},
                     {"eos_token", "<|stop|>"}});
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->bos() == 0);
  // a token no file gave an id gets the next one, as in transformers
  CHECK(tokenizer->eos() == tokenizer->size() - 1);
  CHECK(tokenizer->is_special(*tokenizer->eos()));
  CHECK(tokenizer->encode("<|stop|>") == Ids{*tokenizer->eos()});
  CHECK(tokenizer->decode(Ids{*tokenizer->eos()}).empty());
}

TEST_CASE("the model's configuration names BOS and EOS where the tokenizer's does not") {
  Folder folder;
  write_tiny(folder);
  CHECK_FALSE(Tokenizer::load(folder.path())->eos().has_value());
  folder.write_json("config.json", {{"bos_token_id", 5}, {"eos_token_id", 6}});
  CHECK(Tokenizer::load(folder.path())->bos() == 5);
  CHECK(Tokenizer::load(folder.path())->eos() == 6);
  folder.write_json("generation_config.json", {{"eos_token_id", {7, 8}}});
  CHECK(Tokenizer::load(folder.path())->eos() == 7);
  folder.write_json("special_tokens_map.json", {{"eos_token", "<|end|>"}});
  CHECK(Tokenizer::load(folder.path())->eos() == 0);
  folder.write_json("tokenizer_config.json", {{"bos_token", nullptr}});
  CHECK_FALSE(Tokenizer::load(folder.path())->bos().has_value());
}

TEST_CASE("added_tokens_decoder of tokenizer_config.json adds what tokenizer.json lacks") {
  Folder folder;
  write_tiny(folder);
  const TokenId next = Tokenizer::load(folder.path())->size();
  folder.write_json("tokenizer_config.json",
                    {{"added_tokens_decoder",
                      {{std::to_string(next), {{"content", "<tool>"}, {"special", false}}}}}});
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->size() == next + 1);
  CHECK(tokenizer->encode("<tool>") == Ids{next});
  CHECK(tokenizer->decode(Ids{next}) == "<tool>");
}

TEST_CASE("tokens without an id get one as in transformers: the named ones first") {
  Folder folder;
  write_tiny(folder);
  const TokenId next = Tokenizer::load(folder.path())->size();
  folder.write_json("tokenizer_config.json", {{"additional_special_tokens", {"<x>", "<y>"}},
                                              {"pad_token", "<pad>"},
                                              {"eos_token", "<|end|>"},
                                              {"add_eos_token", true}});
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->encode("<y><pad><x>") == Ids{next + 2, next, next + 1});
  // tokenizer.json has no post-processor that adds EOS, and it is what counts
  CHECK(tokenizer->encode("<x>", true) == Ids{next + 1});
}

TEST_CASE("vocab.json with merges.txt cuts words as GPT-2") {
  Folder folder;
  write_two_files(folder);
  const auto tokenizer = Tokenizer::load(folder.path());
  const nlohmann::json plain = read_json(testing::stored("tiny_bpe_cases.json")).at(0);
  REQUIRE(plain.at("name") == "plain");
  int checked = 0;
  for (const auto& entry : plain.at("texts")) {
    const auto text = entry.at("text").get<std::string>();
    if (text.find("<|end|>") != std::string::npos) continue;  // no file says that it is special
    CHECK(tokenizer->encode(text) == entry.at("ids").get<Ids>());
    ++checked;
  }
  CHECK(checked == 10);
  CHECK_FALSE(tokenizer->bos().has_value());
}

TEST_CASE("vocab.json with merges.txt obeys tokenizer_config.json") {
  Folder folder;
  write_two_files(folder);
  nlohmann::json config{
      {"bos_token", "<|end|>"}, {"add_bos_token", true}, {"add_prefix_space", true}};
  folder.write_json("tokenizer_config.json", config);
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->encode("the", true) == Ids{0, id_of("\u0120the")});
  CHECK(tokenizer->encode("<|end|>") == Ids{0});

  config["tokenizer_class"] = "Qwen2Tokenizer";
  config["add_prefix_space"] = false;
  folder.write_json("tokenizer_config.json", config);
  const auto qwen = Tokenizer::load(folder.path());
  folder.write_json("tokenizer_config.json", nlohmann::json::object());
  folder.write_json("config.json", {{"model_type", "qwen3"}});
  CHECK(Tokenizer::load(folder.path())->encode("1840") == qwen->encode("1840"));
  // Qwen cuts numbers digit by digit and lets a word take the sign before it; it also composes
  // accents
  CHECK(qwen->encode("1840").size() == 4);
  CHECK(qwen->encode("e\u0301") == qwen->encode("\u00e9"));
  CHECK(tokenizer->encode("e\u0301") != tokenizer->encode("\u00e9"));
}

}  // namespace factsweep
