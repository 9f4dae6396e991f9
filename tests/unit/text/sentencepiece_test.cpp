// tokenizer.model against the sentencepiece Python package, and the special tokens around it.
#include <algorithm>

#include "text_support.hpp"

namespace factsweep {

using testing::Folder;
using testing::Ids;

TEST_CASE("tokenizer.model encodes and decodes as sentencepiece") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_spm"));
  const nlohmann::json expected = read_json(testing::stored("tiny_spm_cases.json"));
  REQUIRE(expected.at("plain").size() == 10);
  for (const auto& entry : expected.at("plain")) {
    INFO(entry.at("text"));
    const Ids ids = entry.at("ids").get<Ids>();
    CHECK(tokenizer->encode(entry.at("text").get<std::string>()) == ids);
    // the unknown token is special to us: it is left out, sentencepiece writes a mark
    if (std::find(ids.begin(), ids.end(), 0) == ids.end()) {
      CHECK(tokenizer->decode(ids) == entry.at("decoded").get<std::string>());
    }
  }
  CHECK(tokenizer->encode("").empty());
  CHECK(tokenizer->size() == 420);
}

TEST_CASE("a unigram tokenizer.model with its own replacements encodes as sentencepiece") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_spm_unigram"));
  int checked = 0;
  for (const auto& entry : read_json(testing::stored("tiny_spm_unigram_cases.json"))) {
    INFO(entry.at("text"));
    CHECK(tokenizer->encode(entry.at("text").get<std::string>()) == entry.at("ids").get<Ids>());
    ++checked;
  }
  CHECK(checked > 10);
}

TEST_CASE("SentencePiece pieces carry their space and raw bytes") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_spm"));
  const std::string text = "the town \U0001f600 of";
  const Ids ids = tokenizer->encode(text);
  CHECK(testing::pieces_of(*tokenizer, ids) == " " + text);
  CHECK(tokenizer->decode(ids) == text);
  CHECK(tokenizer->is_special(0));
  CHECK(tokenizer->is_special(1));
  CHECK_FALSE(tokenizer->is_special(3));
  CHECK(tokenizer->piece(1).empty());
  CHECK(tokenizer->piece(3) == std::string_view("\0", 1));
}

TEST_CASE("BOS and EOS of tokenizer.model follow tokenizer_config.json") {
  const std::string model = read_file(testing::stored("tiny_spm/tokenizer.model"));
  Folder folder;
  folder.write("tokenizer.model", model);
  const auto plain = Tokenizer::load(folder.path());
  Ids ids = plain->encode("the town");
  CHECK(plain->bos() == 1);
  CHECK(plain->eos() == 2);
  ids.insert(ids.begin(), 1);
  CHECK(plain->encode("the town", true) == ids);

  folder.write_json("tokenizer_config.json",
                    {{"add_bos_token", false}, {"add_eos_token", true}, {"bos_token", nullptr}});
  const auto other = Tokenizer::load(folder.path());
  ids.erase(ids.begin());
  ids.push_back(2);
  CHECK(other->encode("the town", true) == ids);
  CHECK_FALSE(other->bos().has_value());
}

TEST_CASE("text after a special token has a space before it only in legacy mode") {
  const nlohmann::json expected = read_json(testing::stored("tiny_spm_cases.json"));
  const auto text = expected.at("joined").get<std::string>();
  Folder folder;
  folder.write("tokenizer.model", read_file(testing::stored("tiny_spm/tokenizer.model")));
  const Ids legacy = expected.at("joined_legacy_ids").get<Ids>();
  // nobody says: every text is one to the SentencePiece library
  CHECK(Tokenizer::load(folder.path())->encode(text) == legacy);
  folder.write_json("tokenizer_config.json", {{"legacy", true}});
  CHECK(Tokenizer::load(folder.path())->encode(text) == legacy);
  const Ids once = expected.at("joined_ids").get<Ids>();
  folder.write_json("tokenizer_config.json", {{"legacy", false}});
  CHECK(Tokenizer::load(folder.path())->encode(text) == once);
  folder.write_json("tokenizer_config.json", nlohmann::json::object());
  CHECK(Tokenizer::load(folder.path())->encode(text) == once);
}

TEST_CASE("tokens added to a SentencePiece model get their own ids") {
  Folder folder;
  folder.write("tokenizer.model", read_file(testing::stored("tiny_spm/tokenizer.model")));
  folder.write_json("added_tokens.json", {{"[PAD]", 420}});
  folder.write_json("tokenizer_config.json", {{"pad_token", "[PAD]"}});
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->size() == 421);
  CHECK(tokenizer->is_special(420));
  CHECK(tokenizer->encode("[PAD]") == Ids{420});
}

TEST_CASE("tokenizer.json wins over tokenizer.model unless it needs an unknown component") {
  Folder folder;
  folder.write("tokenizer.model", read_file(testing::stored("tiny_spm/tokenizer.model")));
  nlohmann::json description = read_json(testing::stored("tiny_bpe/tokenizer.json"));
  folder.write_json("tokenizer.json", description);
  const auto size = static_cast<std::int32_t>(description.at("model").at("vocab").size());
  CHECK(Tokenizer::load(folder.path())->size() == size);
  description["normalizer"] = {{"type", "Odd"}};
  folder.write_json("tokenizer.json", description);
  CHECK(Tokenizer::load(folder.path())->size() == 420);
}

}  // namespace factsweep
