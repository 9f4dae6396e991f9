// BERT's oldest form: a file with one token a line. The file leaves out how text is cleaned and
// cut, so that comes from the class and the switches of tokenizer_config.json.
#include "factsweep/core/file.hpp"
#include "pipeline.hpp"
#include "unicode.hpp"
#include "word_models.hpp"

namespace factsweep::text {
namespace fs = std::filesystem;
namespace {

/// Special tokens by their role, as the class names them where no file does.
using Specials = std::vector<std::pair<const char*, AddedToken>>;

AddedToken special(const char* content, bool lstrip = false) {
  return {.content = content, .special = true, .lstrip = lstrip};
}

Specials specials_of(const TokenizerConfig& config, const fs::path& directory) {
  if (config.is_class("BertTokenizer", "bert")) {
    return {{"unk_token", special("[UNK]")},
            {"sep_token", special("[SEP]")},
            {"pad_token", special("[PAD]")},
            {"cls_token", special("[CLS]")},
            {"mask_token", special("[MASK]")}};
  }
  if (config.is_class("MPNetTokenizer", "mpnet")) {
    return {{"bos_token", special("<s>")},          {"eos_token", special("</s>")},
            {"unk_token", special("[UNK]")},        {"sep_token", special("</s>")},
            {"pad_token", special("<pad>")},        {"cls_token", special("<s>")},
            {"mask_token", special("<mask>", true)}};
  }
  config.unknown_class(directory, "BertTokenizer, MPNetTokenizer");
}

/// The number of a line is its token's id; of equal tokens the last one counts.
nlohmann::json read_lines(const fs::path& path) {
  const std::string content = read_file(path);
  nlohmann::json vocabulary = nlohmann::json::object();
  TokenId id = 0;
  for (std::size_t begin = 0; begin < content.size(); ++id) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    std::string line = replace_invalid_utf8({content.data() + begin, end - begin});
    line.resize(line.size() - trailing_space(line));
    vocabulary[line] = id;
    begin = end + 1;
  }
  return vocabulary;
}

nlohmann::json optional_flag(const std::optional<bool>& flag) {
  return flag ? nlohmann::json(*flag) : nlohmann::json();
}

}  // namespace

std::unique_ptr<Tokenizer> load_vocab_txt(const fs::path& directory) {
  const fs::path path = find_file(directory / "vocab.txt");
  TokenizerConfig config = read_tokenizer_config(directory);
  for (const auto& [name, token] : specials_of(config, directory))
    config.named.emplace(name, token);
  const nlohmann::json rest{
      {"model", {{"vocab", read_lines(path)}, {"unk_token", config.named["unk_token"].content}}},
      {"normalizer",
       {{"type", "BertNormalizer"},
        {"lowercase", config.do_lower_case.value_or(true)},
        {"handle_chinese_chars", config.tokenize_chinese_chars.value_or(true)},
        {"strip_accents", optional_flag(config.strip_accents)}}},
      {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
      {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}}};
  const Component root(rest, path.string());
  Parts parts{.model = std::make_unique<WordPiece>(root.at("model"))};
  read_components(root, parts);
  surround(config, "cls_token", "sep_token", parts);
  return std::make_unique<Pipeline>(std::move(parts), config);
}

}  // namespace factsweep::text
