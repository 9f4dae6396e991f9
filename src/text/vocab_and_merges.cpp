// The two-file form of byte-level BPE. The files leave out how words are cut, so that comes from
// the class that tokenizer_config.json names.
#include <fmt/format.h>

#include "bpe.hpp"
#include "factsweep/core/file.hpp"
#include "pipeline.hpp"

namespace factsweep::text {
namespace fs = std::filesystem;
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

struct NumberedMerges {
  std::vector<Merge> merges;
  std::vector<std::size_t> lines;
};

NumberedMerges read_merges(const fs::path& path) {
  const std::string content = read_file(path);
  NumberedMerges out;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    std::string_view line(content.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const std::size_t space = line.find(' ');
    if (space == 0 || space + 1 >= line.size() || line.find(' ', space + 1) != line.npos) {
      throw InputError(
          fmt::format("{}:{}: a merge is two tokens with one space between them, not '{}'.",
                      path.string(), number, line));
    }
    out.merges.push_back({std::string(line.substr(0, space)), std::string(line.substr(space + 1))});
    out.lines.push_back(number);
  }
  return out;
}

nlohmann::json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", use_regex}};
}

/// The rest of tokenizer.json as transformers builds it for the class.
nlohmann::json describe(const TokenizerConfig& config, const std::string& name,
                        const fs::path& directory) {
  nlohmann::json root{{"decoder", {{"type", "ByteLevel"}}}};
  if (name.empty() || name == "GPT2Tokenizer" || name == "CodeGenTokenizer" ||
      name == "GPTNeoXTokenizer") {
    root["pre_tokenizer"] = byte_level(config.add_prefix_space.value_or(false), true);
    if (name == "GPTNeoXTokenizer") root["normalizer"] = {{"type", "NFC"}};
  } else if (name == "Qwen2Tokenizer") {
    root["normalizer"] = {{"type", "NFC"}};
    const nlohmann::json split{
        {"type", "Split"}, {"pattern", {{"Regex", kQwen2Pattern}}}, {"behavior", "Isolated"}};
    root["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers", {split, byte_level(config.add_prefix_space.value_or(false), false)}}};
  } else {
    config.unknown_class(directory,
                         "GPT2Tokenizer, CodeGenTokenizer, GPTNeoXTokenizer, Qwen2Tokenizer");
  }
  return root;
}

/// GPT-2's special token, where neither file beside says otherwise.
void assume_end_of_text(const std::string& name, TokenizerConfig& config,
                        const Vocabulary& vocabulary) {
  const auto end = vocabulary.find(kEndOfText);
  if (!end) return;
  const AddedToken token{.content = kEndOfText, .id = end, .special = true};
  config.named.emplace("unk_token", token);
  config.named.emplace("eos_token", token);
  if (name != "Qwen2Tokenizer") config.named.emplace("bos_token", token);
}

}  // namespace

std::unique_ptr<Tokenizer> load_vocab_and_merges(const fs::path& directory) {
  const fs::path vocab_path = find_file(directory / "vocab.json");
  const fs::path merges_path = find_file(directory / "merges.txt");
  const NumberedMerges merges = read_merges(merges_path);
  TokenizerConfig config = read_tokenizer_config(directory);
  const nlohmann::json vocabulary = read_json(vocab_path);
  const std::string name =
      config.tokenizer_class.empty() ? config.class_in_transformers() : config.tokenizer_class;
  const nlohmann::json rest = describe(config, name, directory);
  const Component root(rest, directory.string());
  auto model = std::make_unique<Bpe>(
      read_vocabulary({vocabulary, vocab_path.string()}), merges.merges, BpeOptions{},
      [&](std::size_t i) { return fmt::format("{}:{}", merges_path.string(), merges.lines[i]); });
  assume_end_of_text(name, config, model->vocabulary());
  Parts parts{.model = std::move(model)};
  read_components(root, parts);
  add_bos_and_eos(config, parts);
  return std::make_unique<Pipeline>(std::move(parts), config);
}

}  // namespace factsweep::text
