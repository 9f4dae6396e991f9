// Whatever is wrong with the files of a tokenizer, the message says where and what.
#include "text_support.hpp"

namespace factsweep {
namespace {

using Catch::Matchers::ContainsSubstring;
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
  CHECK_THAT(load_error(folder.path()), ContainsSubstring("tokenizer.json") &&
                                            ContainsSubstring("tokenizer.model") &&
                                            ContainsSubstring("merges.txt"));
  CHECK_THAT(load_error(folder.path() / "absent"), ContainsSubstring("no such folder"));
}

TEST_CASE("unknown components are named with their place and what is supported") {
  const nlohmann::json odd{{"type", "Odd"}};
  CHECK_THAT(error_after([&](auto& d) { d["normalizer"] = odd; }),
             ContainsSubstring("tokenizer.json: normalizer: 'Odd'") && ContainsSubstring("NFKC"));
  CHECK_THAT(
      error_after([&](auto& d) {
        d["pre_tokenizer"] = {{"type", "Sequence"},
                              {"pretokenizers", {{{"type", "ByteLevel"}}, odd}}};
      }),
      ContainsSubstring("pre_tokenizer.pretokenizers[1]: 'Odd'") && ContainsSubstring("Metaspace"));
  CHECK_THAT(error_after([&](auto& d) { d["post_processor"] = odd; }),
             ContainsSubstring("post_processor: 'Odd'"));
  CHECK_THAT(error_after([&](auto& d) { d["decoder"] = odd; }),
             ContainsSubstring("decoder: 'Odd'"));
  CHECK_THAT(error_after([&](auto& d) { d["model"]["type"] = "Odd"; }),
             ContainsSubstring("model: 'Odd'") && ContainsSubstring("Unigram"));
  CHECK_THAT(error_after([&](auto& d) { d["model"]["dropout"] = 0.1; }),
             ContainsSubstring("dropout"));
}

TEST_CASE("damaged tokenizer.json is an input error, wherever it is damaged") {
  Folder folder;
  const std::string whole = tiny().dump();
  folder.write("tokenizer.json", std::string_view(whole).substr(0, whole.size() / 2));
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("tokenizer.json:1:") && ContainsSubstring("not valid JSON"));
  folder.write("tokenizer.json", std::string_view("[]"));
  CHECK_THAT(load_error(folder.path()), ContainsSubstring("object"));
  CHECK_THAT(error_after([](auto& d) { d.erase("model"); }),
             ContainsSubstring("'model' is missing"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = "x"; }),
             ContainsSubstring("model.vocab['a']") && ContainsSubstring("integer"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = -3; }), ContainsSubstring("-3"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = 4000000000; }),
             ContainsSubstring("4000000000"));
  CHECK_THAT(error_after([](auto& d) { d["model"]["merges"][2] = "one two three"; }),
             ContainsSubstring("model.merges[2]") && ContainsSubstring("one two three"));
  CHECK_THAT(error_after([](auto& d) { d["added_tokens"][0].erase("content"); }),
             ContainsSubstring("added_tokens[0]") && ContainsSubstring("content"));
  CHECK_THAT(error_after([](auto& d) { d["pre_tokenizer"]["use_regex"] = 1; }),
             ContainsSubstring("pre_tokenizer.use_regex") && ContainsSubstring("true or false"));
}

TEST_CASE("ids that two tokens claim are refused, and so are ids beyond any vocabulary") {
  CHECK_THAT(error_after([](auto& d) { d["model"]["vocab"]["a"] = d["model"]["vocab"]["b"]; }),
             ContainsSubstring("model.vocab") && ContainsSubstring("'a'") &&
                 ContainsSubstring("'b'") && ContainsSubstring("both"));
  CHECK_THAT(error_after([](auto& d) {
               nlohmann::json other = d["added_tokens"][0];
               other["content"] = "<other>";
               d["added_tokens"].push_back(other);
             }),
             ContainsSubstring("added_tokens[1]") && ContainsSubstring("<other>") &&
                 ContainsSubstring("both"));
  CHECK_THAT(error_after([](auto& d) { d["added_tokens"][0]["id"] = 1 << 30; }),
             ContainsSubstring("added_tokens[0].id") && ContainsSubstring("outside"));
}

TEST_CASE("settings that make no sense are refused with their place") {
  const auto with = [](const char* part, const nlohmann::json& value) {
    return error_after([&](auto& d) { d[part] = value; });
  };
  CHECK_THAT(with("pre_tokenizer", {{"type", "FixedLength"}, {"length", 0}}),
             ContainsSubstring("pre_tokenizer.length"));
  CHECK_THAT(with("pre_tokenizer", {{"type", "CharDelimiterSplit"}, {"delimiter", "ab"}}),
             ContainsSubstring("pre_tokenizer.delimiter") && ContainsSubstring("one character"));
  CHECK_THAT(with("decoder", {{"type", "Strip"}, {"content", "x"}, {"start", -1}, {"stop", 0}}),
             ContainsSubstring("decoder.start") && ContainsSubstring("negative"));
  CHECK_THAT(with("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "?"}}),
             ContainsSubstring("normalizer.precompiled_charsmap") && ContainsSubstring("base64"));
  CHECK_THAT(with("normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "AAAA"}}),
             ContainsSubstring("normalizer.precompiled_charsmap") && ContainsSubstring("damaged"));
  CHECK_THAT(with("post_processor", {{"type", "BertProcessing"}, {"cls", {"a"}}, {"sep", 1}}),
             ContainsSubstring("post_processor.cls") && ContainsSubstring("pair"));
  const auto one = [](const nlohmann::json& score) {
    return nlohmann::json::array({nlohmann::json::array({"a", score})});
  };
  CHECK_THAT(with("model", {{"type", "Unigram"}, {"vocab", one(0.0)}, {"unk_id", 5}}),
             ContainsSubstring("model.unk_id") && ContainsSubstring("outside"));
  CHECK_THAT(with("model", {{"type", "Unigram"}, {"vocab", one("b")}}),
             ContainsSubstring("model.vocab[0]") && ContainsSubstring("score"));
  nlohmann::json nested{{"type", "NFC"}};
  for (int i = 0; i < 1000; ++i) nested = {{"type", "Sequence"}, {"normalizers", {nested}}};
  CHECK_THAT(with("normalizer", nested), ContainsSubstring("nested too deeply"));
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
  CHECK_THAT(with("a(b"), ContainsSubstring("pattern.Regex") && ContainsSubstring("'a(b'"));
  CHECK_THAT(with("[a-"), ContainsSubstring("pattern.Regex") && ContainsSubstring("'[a-'"));
  CHECK(with("[[:alpha:]\\s]+").empty());
}

TEST_CASE("a merge of unknown tokens names the merge, or its line in merges.txt") {
  CHECK_THAT(error_after([](auto& d) {
               d["model"]["merges"][5] = {"a", "NOPE"};
             }),
             ContainsSubstring("model.merges[5]") && ContainsSubstring("'NOPE'"));
  Folder folder;
  folder.write_json("vocab.json", {{"a", 0}, {"b", 1}, {"ab", 2}});
  folder.write("merges.txt", std::string_view("#version: 0.2\na b\na ab\n"));
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("merges.txt:3") && ContainsSubstring("'aab'"));
  folder.write("merges.txt", std::string_view("#version: 0.2\na b c\n"));
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("merges.txt:2") && ContainsSubstring("a b c"));
  std::filesystem::remove(folder.path() / "merges.txt");
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("merges.txt") && ContainsSubstring("no such file"));
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
  CHECK_THAT(with({token, text}), ContainsSubstring("'<s>'"));
  CHECK_THAT(with(nlohmann::json::array()), ContainsSubstring("no place for the text"));
  CHECK(with(nlohmann::json::array({text})).empty());
}

TEST_CASE("a tokenizer class whose words we cannot cut is refused by name") {
  Folder folder;
  folder.write_json("vocab.json", {{"a", 0}});
  folder.write("merges.txt", std::string_view("#version: 0.2\n"));
  folder.write_json("tokenizer_config.json", {{"tokenizer_class", "CLIPTokenizer"}});
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("CLIPTokenizer") && ContainsSubstring("tokenizer.json"));
}

TEST_CASE("a truncated tokenizer.model is refused at every length") {
  const std::string whole = read_file(testing::stored("tiny_spm/tokenizer.model"));
  Folder folder;
  for (std::size_t length = 0; length < whole.size(); length += 97) {
    folder.write("tokenizer.model", std::string_view(whole).substr(0, length));
    INFO(length << " of " << whole.size() << " bytes");
    CHECK_THAT(load_error(folder.path()),
               ContainsSubstring("tokenizer.model") && ContainsSubstring("truncated"));
  }
  folder.write("tokenizer.model", std::string_view("version https://git-lfs.github.com/spec/v1\n"));
  CHECK_THAT(load_error(folder.path()), ContainsSubstring("not a SentencePiece model"));
}

TEST_CASE("odd entries of tokenizer_config.json are refused") {
  Folder folder;
  folder.write_json("tokenizer.json", tiny());
  folder.write_json("tokenizer_config.json",
                    {{"added_tokens_decoder", {{"x1", {{"content", "a"}}}}}});
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("tokenizer_config.json") && ContainsSubstring("'x1'"));
  folder.write_json("tokenizer_config.json", {{"eos_token", 7}});
  CHECK_THAT(load_error(folder.path()),
             ContainsSubstring("eos_token") && ContainsSubstring("string"));
}

}  // namespace factsweep
