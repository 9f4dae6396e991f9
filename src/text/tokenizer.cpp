#include "factsweep/text/tokenizer.hpp"

#include <fmt/format.h>

#include "factsweep/core/error.hpp"
#include "pipeline.hpp"
#include "sentencepiece_tokenizer.hpp"

namespace factsweep {
namespace fs = std::filesystem;

std::unique_ptr<Tokenizer> Tokenizer::load(const fs::path& directory) {
  const auto has = [&](const char* name) { return text::is_present(directory / name); };
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    throw InputError(fmt::format(
        "{}: no such folder; the folder of a Hugging Face model is needed.", directory.string()));
  }
  if (has("tokenizer.json")) {
    try {
      return text::load_tokenizer_json(directory);
    } catch (const text::UnknownComponent&) {
      if (!has("tokenizer.model") && !has("sentencepiece.bpe.model") && !has("vocab.txt")) throw;
    }
  }
  if (has("tokenizer.model")) return text::load_sentencepiece(directory);
  if (has("sentencepiece.bpe.model")) return text::load_fairseq_sentencepiece(directory);
  if (has("vocab.json")) return text::load_vocab_and_merges(directory);
  if (has("vocab.txt")) return text::load_vocab_txt(directory);
  throw InputError(fmt::format(
      "{}: no tokenizer here. One of tokenizer.json, tokenizer.model, sentencepiece.bpe.model, "
      "vocab.json with merges.txt, or vocab.txt is needed (each may end in .gz).",
      directory.string()));
}

}  // namespace factsweep
