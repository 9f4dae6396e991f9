// Every component of tokenizer.json against what the tokenizers library of Hugging Face made of it
// (tests/parity/make_tokenizer_references.py wrote the expected ids and texts).
#include "factsweep/core/random.hpp"
#include "text_support.hpp"

namespace factsweep {
namespace {

using testing::Folder;
using testing::Ids;

/// The stored tokenizer with some of its parts replaced.
nlohmann::json describe(const std::string& base, const nlohmann::json& changes) {
  nlohmann::json description = read_json(testing::stored(base + "/tokenizer.json"));
  for (const auto& [key, value] : changes.items()) {
    if (key == "model") {
      description[key].update(value);
    } else {
      description[key] = value;
    }
  }
  return description;
}

void append_utf8(std::string& text, char32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const int mark[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(mark[more] | static_cast<int>(code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) text += static_cast<char>(0x80 | (code >> (6 * i) & 0x3f));
}

/// The cases of `base` beside it; returns how many texts were compared.
int check_cases(const std::string& base) {
  int checked = 0;
  for (const auto& entry : read_json(testing::stored(base + "_cases.json"))) {
    Folder folder;
    folder.write_json("tokenizer.json", describe(base, entry.at("changes")));
    const auto tokenizer = Tokenizer::load(folder.path());
    for (const auto& expected : entry.at("texts")) {
      const auto text = expected.at("text").get<std::string>();
      INFO(base << ", " << entry.at("name").get<std::string>() << ": " << expected.at("text"));
      const Ids ids = expected.at("ids").get<Ids>();
      CHECK(tokenizer->encode(text) == ids);
      CHECK(tokenizer->encode(text, true) == expected.value("special", ids));
      CHECK(tokenizer->decode(ids) == expected.value("decoded", text));
      ++checked;
    }
  }
  return checked;
}

/// Words of thousands of characters, of which only a checksum is stored.
void check_long(const std::string& base) {
  const auto tokenizer = Tokenizer::load(testing::stored(base));
  for (const auto& entry : read_json(testing::stored(base + "_long.json"))) {
    std::string text;
    for (int i = 0; i < entry.at("repeat").at(1).get<int>(); ++i) {
      text += entry.at("repeat").at(0).get<std::string>();
    }
    INFO(base << ": " << entry.at("repeat"));
    const Ids ids = tokenizer->encode(text);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      sum += static_cast<std::int64_t>(i + 1) * ids[i];
    }
    CHECK(ids.size() == entry.at("count").get<std::size_t>());
    CHECK(sum % 1000003 == entry.at("checksum").get<std::int64_t>());
  }
}

}  // namespace

TEST_CASE("byte-level BPE encodes and decodes as Hugging Face's tokenizers") {
  CHECK(check_cases("tiny_bpe") > 200);
}

TEST_CASE("BPE with byte fallback encodes and decodes as Hugging Face's tokenizers") {
  CHECK(check_cases("tiny_fallback") > 50);
}

TEST_CASE("every normalizer and pre-tokenizer does what Hugging Face's does") {
  CHECK(check_cases("tiny_edges") > 250);
  check_long("tiny_edges");
}

TEST_CASE("WordPiece and its surroundings are those of Hugging Face") {
  CHECK(check_cases("tiny_wordpiece") > 40);
  check_long("tiny_wordpiece");
}

TEST_CASE("WordLevel is that of Hugging Face") {
  CHECK(check_cases("tiny_wordlevel") > 5);
  check_long("tiny_wordlevel");
}

TEST_CASE("Unigram and its table of replacements are those of Hugging Face") {
  CHECK(check_cases("tiny_unigram") > 25);
  check_long("tiny_unigram");
}

TEST_CASE("the pieces of WordPiece are what a token adds to the text") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_wordpiece"));
  const Ids ids = tokenizer->encode("the naive cafes do.");
  CHECK(testing::pieces_of(*tokenizer, ids) == " the naive cafes do.");
  CHECK(tokenizer->decode(ids) == "the naive cafes do.");
  CHECK(tokenizer->piece(ids[2]) == "ive");
}

TEST_CASE("the pieces of Unigram carry their space") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_unigram"));
  const Ids ids = tokenizer->encode("the town of Kenya");
  CHECK(testing::pieces_of(*tokenizer, ids) == " the town of Kenya");
  CHECK(tokenizer->piece(1).empty());
}

TEST_CASE("the pieces of a byte-level tokenizer join to the text, byte by byte") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_bpe"));
  const std::string text = "Who? \u041c\u043e\u0441\u043a\u0432\u0430,\n \U0001f600 1840";
  const Ids ids = tokenizer->encode(text);
  CHECK(testing::pieces_of(*tokenizer, ids) == text);
  CHECK(tokenizer->decode(ids) == text);
  // a character cut in two decodes to the replacement mark, its pieces stay raw
  const Ids emoji = tokenizer->encode("\U0001f600");
  REQUIRE(emoji.size() == 4);
  CHECK(tokenizer->decode(Ids{emoji[0], emoji[1]}) == "\ufffd");
  CHECK(tokenizer->piece(emoji[0]) == "\xf0");
}

TEST_CASE("any UTF-8 comes back from bytes, and any bytes are encoded without harm") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_bpe"));
  CounterRandom random(hash_text("round trip"));
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    std::string bytes;
    for (std::uint64_t i = random.below(30); i > 0; --i) {
      const std::uint64_t widest[] = {0x80, 0x800, 0xd800, 0x110000};
      const auto code = static_cast<char32_t>(random.below(widest[random.below(4)]));
      if (code < 0xd800 || code > 0xdfff) append_utf8(text, code);
      bytes += static_cast<char>(random.below(256));
    }
    INFO("round " << round);
    CHECK(tokenizer->decode(tokenizer->encode(text)) == text);
    CHECK(testing::pieces_of(*tokenizer, tokenizer->encode(text)) == text);
    const Ids ids = tokenizer->encode(bytes);
    CHECK(tokenizer->encode(tokenizer->decode(ids)) == ids);
  }
}

TEST_CASE("ill-formed UTF-8 is encoded as replacement marks") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_bpe"));
  CHECK(tokenizer->encode("a\xff\xe2\x82z") == tokenizer->encode("a\ufffd\ufffdz"));
}

TEST_CASE("repeated and very long words give the same ids as fresh ones") {
  const std::string text = "capital capital";
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_bpe"));
  const Ids first = tokenizer->encode(text);
  CHECK(tokenizer->encode(text) == first);
  const std::string word(20000, 'a');
  const Ids long_ids = tokenizer->encode(word);
  CHECK(testing::pieces_of(*tokenizer, long_ids) == word);
  CHECK(tokenizer->encode(word) == long_ids);
}

TEST_CASE("ids outside the vocabulary, as in padded models, add nothing") {
  const auto tokenizer = Tokenizer::load(testing::stored("tiny_bpe"));
  const TokenId end = tokenizer->size();
  CHECK(tokenizer->piece(end).empty());
  CHECK(tokenizer->piece(-1).empty());
  CHECK_FALSE(tokenizer->is_special(end));
  Ids ids = tokenizer->encode("Kenya");
  ids.push_back(end + 7);
  CHECK(tokenizer->decode(ids) == "Kenya");
}

}  // namespace factsweep
