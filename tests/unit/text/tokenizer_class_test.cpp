// The switches of tokenizer_config.json that transformers' classes lay over a tokenizer.json
// (tests/parity/make_tokenizer_class_references.py wrote the expected ids and texts).
#include "factsweep/text/special_tokens.hpp"
#include "text_support.hpp"

namespace factsweep {
namespace {

using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using testing::Folder;
using testing::Ids;
using testing::load_error;

/// The stored tokenizer with `changes`, and what is said beside it.
void write(const Folder& folder, const std::string& base, const Json& changes, const Json& config,
           const std::string& model_type = "") {
  Json content = read_json(testing::stored(base + "/tokenizer.json"));
  content.update(changes);
  folder.write_json("tokenizer.json", content);
  folder.write_json("tokenizer_config.json", config);
  folder.write_json("config.json", {{"model_type", model_type}});
}

}  // namespace

TEST_CASE("a tokenizer.json is read as the class of transformers reads it") {
  int checked = 0;
  for (const Json& entry : read_json(testing::stored("tokenizer_class_cases.json"))) {
    Folder folder;
    write(folder, entry.at("base"), entry.at("changes"), entry.at("config"),
          entry.at("model_type"));
    INFO(entry.at("model_type") << ", " << entry.at("config") << ", " << entry.at("changes"));
    const auto tokenizer = Tokenizer::load(folder.path());
    for (const Json& expected : entry.at("texts")) {
      INFO(expected.at("text"));
      testing::check_text(*tokenizer, expected);
      ++checked;
    }
  }
  CHECK(checked > 250);
}

TEST_CASE("a switch that a tokenizer.json has no place for is named") {
  const auto error_of = [](const std::string& base, const Json& changes, const Json& config,
                           const std::string& type = "") {
    Folder folder;
    write(folder, base, changes, config, type);
    return load_error(folder.path());
  };
  const auto names = [](const std::string& message, const char* key) {
    CHECK_THAT(message, ContainsSubstring("tokenizer_config.json") &&
                            ContainsSubstring("tokenizer.json:") && ContainsSubstring(key));
  };
  const Json none = Json::object(), on{{"add_prefix_space", true}}, off{{"add_prefix_space", false}};
  const auto with_class = [](Json config, const char* name) {
    config["tokenizer_class"] = name;
    return config;
  };
  const Json split{{"pre_tokenizer", {{"type", "WhitespaceSplit"}}}};
  names(error_of("tiny_bpe", split, with_class(on, "GPT2Tokenizer")), "add_prefix_space");
  names(error_of("tiny_unigram", split, with_class(on, "XLMRobertaTokenizer")), "add_prefix_space");
  const Json digits{
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Digits"}}, {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}}}};
  names(error_of("tiny_bpe", digits, with_class(on, "GPT2Tokenizer")), "add_prefix_space");
  CHECK(error_of("tiny_bpe", digits, with_class(off, "GPT2Tokenizer")).empty());
  // transformers 5 does not look at the key for these, earlier ones did
  names(error_of("tiny_bpe", none, with_class(on, "PreTrainedTokenizerFast")), "add_prefix_space");
  names(error_of("tiny_fallback", none, with_class(off, "LlamaTokenizer"), "mistral"), "add_prefix_space");
  CHECK(error_of("tiny_fallback", none, with_class(on, "LlamaTokenizer"), "mistral").empty());
  // a byte-level tokenizer that calls itself Llama's
  names(error_of("tiny_bpe", none, with_class(on, "LlamaTokenizer"), "llama"), "add_prefix_space");
  names(error_of("tiny_wordpiece", {{"normalizer", {{"type", "Lowercase"}}}},
                      with_class({{"do_lower_case", true}}, "BertTokenizer")), "do_lower_case");
  CHECK_THAT(error_of("tiny_bpe", none, {{"split_special_tokens", true}}),
             ContainsSubstring("split_special_tokens"));
}

TEST_CASE("of two files that name a token transformers takes the older, but for a list of tokens") {
  Folder folder;
  write(folder, "tiny_fallback", Json::object(), {{"eos_token", "</s>"}});
  folder.write_json("special_tokens_map.json", {{"eos_token", "<s>"}});
  const auto ends = [&] {
    return end_tokens(folder.path(), *Tokenizer::load(folder.path()));
  };
  CHECK(ends() == Ids{1, 2});
  folder.write_json("tokenizer_config.json",
                    {{"eos_token", "</s>"},
                     {"added_tokens_decoder", {{"2", {{"content", "</s>"}, {"special", true}}}}}});
  CHECK(ends() == Ids{2, 1});
}

TEST_CASE("an id that leaves a gap is refused, as the tokenizers library gives the next") {
  const Json base = read_json(testing::stored("tiny_bpe/tokenizer.json"));
  const auto next = static_cast<TokenId>(base.at("model").at("vocab").size());
  const auto token = [](TokenId id) {
    return Json{{"id", id}, {"content", "<x>"}, {"special", true}};
  };
  Folder folder;
  const auto error_of = [&](TokenId id) {
    Json content = base;
    content["added_tokens"].push_back(token(id));
    folder.write_json("tokenizer.json", content);
    return load_error(folder.path());
  };
  CHECK(error_of(next).empty());
  CHECK(Tokenizer::load(folder.path())->encode("<x>") == Ids{next});
  CHECK_THAT(error_of(next + 2), ContainsSubstring("added_tokens[1]") && ContainsSubstring("'<x>'") &&
                                     ContainsSubstring(std::to_string(next)));
  folder.write_json("tokenizer.json", base);
  folder.write_json("added_tokens.json", {{"<x>", next + 1}});
  CHECK_THAT(load_error(folder.path()), ContainsSubstring("added_tokens.json: <x>"));
  folder.write_json("added_tokens.json", {{"<x>", next}});
  CHECK(load_error(folder.path()).empty());
  CHECK(added_tokens(folder.path()).at(next) == "<x>");
}

}  // namespace factsweep
