#include "factsweep/text/tokenizer.hpp"

#include <fmt/ranges.h>

#include <map>
#include <mutex>
#include <set>

#include "factsweep/core/error.hpp"
#include "pipeline.hpp"
#include "sentencepiece_tokenizer.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

/// Changes when a file of the folder does, or where the folder lies.
std::string state_of(const fs::path& directory) {
  std::error_code ignored;
  std::set<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, ignored)) {
    files.insert(fmt::format("{} {} {}", entry.path().filename().string(), entry.file_size(ignored),
                             entry.last_write_time(ignored).time_since_epoch().count()));
  }
  return fmt::format("{}\n{}", fs::absolute(directory, ignored).string(), fmt::join(files, "\n"));
}

}  // namespace

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

std::shared_ptr<const Tokenizer> Tokenizer::shared(const fs::path& directory) {
  static std::map<std::string, std::shared_ptr<const Tokenizer>> known;
  static std::mutex mutex;
  const std::lock_guard guard(mutex);
  std::shared_ptr<const Tokenizer>& tokenizer = known[state_of(directory)];
  if (!tokenizer) tokenizer = load(directory);
  return tokenizer;
}

}  // namespace factsweep
