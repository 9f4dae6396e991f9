// Whatever is wrong with the files of a tokenizer, the message says where and what.
#include "text_support.hpp"

namespace factsweep {
namespace {

using Catch::Matchers::Contains;
using testing::Folder;
using testing::load_error;

nlohmann::json tiny() {
  return read_json(testing::stored("tiny_bpe/tokenizer.json"));
}

/// The error of the stored tokenizer after a change.
template <typename Change>
std::string error_after(Change change) {
  nlohmann::json description = tiny();
  change(description);
  Folder folder;
  folder.write_json("tokenizer.json", description);
  return load_error(folder.path());
}

}  // namespace

TEST_CASE("a folder without a tokenizer lists what is looked for") {
  Folder folder;
  CHECK_THAT(load_error(folder.path()),
             Contains("tokenizer.json") && Contains("tokenizer.model") && Contains("merges.txt"));
  CHECK_THAT(load_error(folder.path() / "absent"), Contains("no such folder"));
}

TEST_CASE("unknown components are named with their place and what is supported") {
  const nlohmann::json odd{{"type", "Odd"}};
  CHECK_THAT(error_after([&](auto& d) { d["normalizer"] = odd; }),
             Contains("tokenizer.json: normalizer: 'Odd'") && Contains("NFKC"));
  CHECK_THAT(error_after([&](auto& d) {
               d["pre_tokenizer"] = {{"type", "Sequence"},
                                     {"pretokenizers", {{{"type", "ByteLevel"}}, odd}}};
             }),
             Contains("pre_tokenizer.pretokenizers[1]: 'Odd'") && Contains("Metaspace"));
  CHECK_THAT(error_after([&](auto& d) { d["post_processor"] = odd; }),
             Contains("post_processor: 'Odd'"));
  CHECK_THAT(error_after([&](auto& d) { d["decoder"] = odd; }), Contains("decoder: 'Odd'"));
  CHECK_THAT(error_after([&](auto& d) { d["model"]["type"] = "Odd"; }),
             Contains("model: 'Odd'") && Contains("Unigram"));
  CHECK_THAT(error_after([&](auto& d) { d["model"]["dropout"] = 0.1; }), Contains("dropout"));
}

TEST_CASE("damaged tokenizer.json is an input error, wherever it is damaged") {
  Folder folder;
  const std::string whole = tiny().dump();
  folder.write("tokenizer.json", std::string_view(whole).substr(0, whole.size() / 2));
  CHECK_THAT(load_error(folder.path()),
             Contains("tokenizer.json:1:") && Contains("not valid JSON"));
  folder.write("tokenizer.json", std::string_view("[]"));
  CHECK_THAT(load_error(folder.path()), Contains("object"));
  CHECK_THAT(error_after([](auto& d) { d.erase("model"); }), Contains("'model' is missing"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = "x"; }),
             Contains("model.vocab['a']") && Contains("integer"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = -3; }), Contains("-3"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = 4000000000; }),
             Contains("4000000000"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["merges"][2] = "one two three"; }),
             Contains("model.merges[2]") && Contains("one two three"));
  CHECK_THAT(error_after([](auto& d) { d["added_tokens"][0].erase("content"); }),
             Contains("added_tokens[0]") && Contains("content"));
  CHECK_THAT(error_after([](auto& d) { d["pre_tokenizer"]["use_regex"] = 1; }),
             Contains("pre_tokenizer.use_regex") && Contains("true or false"));
}

TEST_CASE("ids that two tokens claim are refused, and so are ids beyond any vocabulary") {
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = d["model"]["vocab"]["b"]; }),
             Contains("model.vocab") && Contains("'a'") && Contains("'b'") && Contains("both"));
  CHECK_THAT(error_after([](auto& d) {
               nlohmann::json other = d["added_tokens"][0];
               other["content"] = "<other>";
               d["added_tokens"].push_back(other);
             }),
             Contains("added_tokens[1]") && Contains("<other>") && Contains("both"));
  CHECK_THAT(error_after([](auto& d) { d["added_tokens"][0]["id"] = 1 << 30; }),
             Contains("added_tokens[0].id") && Contains("outside"));
}

TEST_CASE("settings that make no sense are refused with their place") {
  const auto with = [](const char* part, const nlohmann::json& value) {
    return error_after([&](auto& d) { d[part] = value; });
  };
  CHECK_THAT(with("pre_tokenizer", {{"type", "FixedLength"}, {"length", 0}}),
             Contains("pre_tokenizer.length"));
  CHECK_THAT(with("pre_tokenizer", {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}}),
             Contains("pre_tokenizer.delimiter") && Contains("one character"));
  CHECK_THAT(with("decoder", {{"type", "Strip"}, {"content", "x"}, {"start", -1}, {"stop", 0}}),
             Contains("decoder.start") && Contains("negative"));
  CHECK_THAT(with("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "?"}}),
             Contains("normalizer.precompiled_charsmap") && Contains("base64"));
  CHECK_THAT(with("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}),
             Contains("normalizer.precompiled_charsmap") && Contains("damaged"));
  CHECK_THAT(with("post_processor", {{"type", "BertProcessing"}, {"cls", {"a"}}, {"sep", 1}}),
             Contains("post_processor.cls") && Contains("pair"));
  const auto one = [](const nlohmann::json& score) {
    return nlohmann::json::array({nlohmann::json::array({"a", score})});
  };
  CHECK_THAT(with("model", {{"type", "Unigram"}, {"vocab", one(0.0)}, {"unk_id", 5}}),
             Contains("model.unk_id") && Contains("outside"));
  CHECK_THAT(with("model", {{"type", "Unigram"}, {"vocab", one("b")}}),
             Contains("model.vocab[0]") && Contains("score"));
  nlohmann::json nested{{"type", "NFC"}};
  for (int i = 0; i < 1000; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  CHECK_THAT(with("normalizer", nested), Contains("nested too deeply"));
}

TEST_CASE("a text with an unknown character and no token for it is refused, not mangled") {
  Folder folder;
  folder.write_json(
      "tokenizer.json",
      {{"model", {{"type", "WordLevel"}, {"vocab", {{"a", 0}}}, {"unk_token", "?"}}}});
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->encode("a") == testing::Ids{0});
  CHECK_THROWS_AS(tokenizer->encode("b"), InputError);
}

TEST_CASE("a regex that is not understood is quoted") {
  const auto with = [](const char* pattern) {
    return error_after([&](auto& d) {
      d["pre_tokenizer"] = {
          {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
    });
  };
  CHECK_THAT(with("a(b"), Contains("pattern.Regex") && Contains("'a(b'"));
  CHECK_THAT(with("[a-"), Contains("pattern.Regex") && Contains("'[a-'"));
  CHECK(with("[[:alpha:]\\s]+").empty());
}

TEST_CASE("a merge of unknown tokens names the merge, or its line in merges.txt") {
  CHECK_THAT(error_after([](auto& d) {
               d["model"]["merges"][5] = {"a", "NOPE"};
             }),
             Contains("model.merges[5]") && Contains("'NOPE'"));
  Folder folder;
  folder.write_json("vocab.json", {{"a", 0}, {"b", 1}, {"ab", 2}});
  folder.write("merges.txt", std::string_view("#version: 0.2\na b\na ab\n"));
  CHECK_THAT(load_error(folder.path()), Contains("merges.txt:3") && Contains("'aab'"));
  folder.write("merges.txt", std::string_view("#version: 0.2\na b c\n"));
  CHECK_THAT(load_error(folder.path()), Contains("merges.txt:2") && Contains("a b c"));
  std::filesystem::remove(folder.path() / "merges.txt");
  CHECK_THAT(load_error(folder.path()), Contains("merges.txt") && Contains("no such file"));
}

TEST_CASE("a template without its special token or its text is refused") {
  const auto with = [](const nlohmann::json& single) {
    return error_after([&](auto& d) {
      d["post_processor"] = {{"type", "TemplateProcessing"},
                             {"single", single},
                             {"special_tokens", nlohmann::json::object()}};
    });
  };
  const nlohmann::json text{{"Sequence", {{"id", "A"}}}};
  const nlohmann::json token{{"SpecialToken", {{"id", "<s>"}}}};
  CHECK_THAT(with({token, text}), Contains("'<s>'"));
  CHECK_THAT(with(nlohmann::json::array()), Contains("no place for the text"));
  CHECK(with(nlohmann::json::array({text})).empty());
}

TEST_CASE("a tokenizer class whose words we cannot cut is refused by name") {
  Folder folder;
  folder.write_json("vocab.json", {{"a", 0}});
  folder.write("merges.txt", std::string_view("#version: 0.2\n"));
  folder.write_json("tokenizer_config.json", {{"tokenizer_class", "CLIPTokenizer"}});
  CHECK_THAT(load_error(folder.path()), Contains("CLIPTokenizer") && Contains("tokenizer.json"));
}

TEST_CASE("a truncated tokenizer.model is refused at every length") {
  const std::string whole = read_file(testing::stored("tiny_spm/tokenizer.model"));
  Folder folder;
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    folder.write("tokenizer.model", std::string_view(whole).substr(0, length));
    INFO(length << " of " << whole.size() << " bytes");
    CHECK_THAT(load_error(folder.path()), Contains("tokenizer.model") && Contains("truncated"));
  }
  folder.write("tokenizer.model", std::string_view("version https://git-lfs.github.com/spec/v1\n"));
  CHECK_THAT(load_error(folder.path()), Contains("not a SentencePiece model"));
}

TEST_CASE("odd entries of tokenizer_config.json are refused") {
  Folder folder;
  folder.write_json("tokenizer.json", tiny());
  folder.write_json("tokenizer_config.json",
                    {{"added_tokens_decoder", {{"x1", {{"content", "a"}}}}}});
  CHECK_THAT(load_error(folder.path()), Contains("tokenizer_config.json") && Contains("'x1'"));
  folder.write_json("tokenizer_config.json", {{"eos_token", 7}});
  CHECK_THAT(load_error(folder.path()), Contains("eos_token") && Contains("string"));
}

}  // namespace factsweep
