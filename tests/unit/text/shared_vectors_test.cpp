// Real vocabularies against llama.cpp's published test vectors.
#include "real_data.hpp"
#include "text_support.hpp"

namespace factsweep {
namespace {

using testing::Folder;
using testing::Ids;

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return parts;
    begin = end + separator.size();
  }
}

Ids read_ids(const std::string& line) {
  Ids ids;
  for (const std::string& number : split(line, " ")) {
    if (!number.empty()) ids.push_back(std::stoi(number));
  }
  return ids;
}

/// Checks all texts of NAME.gguf.inp against the lines of NAME.gguf.out.
void check_vectors(const Tokenizer& tokenizer, const std::string& name) {
  const auto stem = test::real_data("tokenizers/test_vectors") / name;
  const auto texts = split(read_file(stem.string() + ".gguf.inp"), "\n__ggml_vocab_test__\n");
  const auto lines = split(read_file(stem.string() + ".gguf.out"), "\n");
  REQUIRE(texts.size() > 40);
  REQUIRE(lines.size() >= texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO(name << ", text " << i << ": '" << texts[i] << "'");
    CHECK(tokenizer.encode(texts[i]) == read_ids(lines[i]));
  }
}

}  // namespace

TEST_CASE("GPT-2 agrees with llama.cpp's vectors", "[real]") {
  const auto folder = test::real_data("tokenizers/gpt2");
  if (!test::is_here(folder)) return;
  const auto tokenizer = Tokenizer::load(folder);
  CHECK(tokenizer->size() == 50257);
  CHECK(tokenizer->bos() == 50256);
  CHECK(tokenizer->eos() == 50256);
  check_vectors(*tokenizer, "ggml-vocab-gpt-2");
}

TEST_CASE("Llama 2 agrees with llama.cpp's vectors", "[real]") {
  const auto folder = test::real_data("tokenizers/llama2");
  if (!test::is_here(folder)) return;
  const auto tokenizer = Tokenizer::load(folder);
  CHECK(tokenizer->size() == 32000);
  check_vectors(*tokenizer, "ggml-vocab-llama-spm");
  CHECK(tokenizer->encode("Hello", true) == Ids{1, 15043});
  CHECK(tokenizer->piece(3681) == " Paris");
}

TEST_CASE("MiniLM's WordPiece agrees with llama.cpp's vectors for BERT", "[real]") {
  const auto file = test::real_data("tokenizers/minilm-wordpiece/tokenizer.json.gz");
  if (!test::is_here(file)) return;
  const auto tokenizer = Tokenizer::load(file.parent_path());
  CHECK(tokenizer->size() == 30522);
  check_vectors(*tokenizer, "ggml-vocab-bert-bge");
  CHECK(tokenizer->encode("hello", true) == Ids{101, 7592, 102});
  CHECK(tokenizer->piece(3000) == " paris");
  CHECK(tokenizer->piece(2075) == "ing");
}

TEST_CASE("GPT-NeoX is read from tokenizer.json.gz, runs of spaces and all", "[real]") {
  const auto file = test::real_data("tokenizers/gpt-neox-20b/20B_tokenizer.json.gz");
  if (!test::is_here(file)) return;
  Folder folder;
  std::filesystem::copy_file(file, folder.path() / "tokenizer.json.gz");
  const auto tokenizer = Tokenizer::load(folder.path());
  CHECK(tokenizer->size() == 50281);
  // ids of the tokenizers library
  CHECK(tokenizer->encode("Hello  world\n    x = 12") ==
        Ids{12092, 50276, 10186, 187, 50274, 89, 426, 1249});
  CHECK(tokenizer->decode(tokenizer->encode("a        b")) == "a        b");
}

}  // namespace factsweep
