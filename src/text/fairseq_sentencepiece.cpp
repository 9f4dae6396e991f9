// XLM-RoBERTa's tokenizer from its SentencePiece file. fairseq, where the model was trained,
// numbers tokens in its own way: <s> <pad> </s> <unk>, then the file's pieces after its first
// three, then <mask>.
#include <fmt/format.h>

#include "factsweep/core/file.hpp"
#include "pipeline.hpp"
#include "precompiled.hpp"
#include "sentencepiece_model.hpp"
#include "unigram.hpp"

namespace factsweep::text {
namespace fs = std::filesystem;
namespace {

using Type = SentencePieceModel::Type;

constexpr std::size_t kReplaced = 3;  // <unk> <s> </s> of the file
constexpr TokenId kUnknown = 3;
constexpr TokenId kShift = 1;  // of every other piece's number

SentencePieceModel read_model(const fs::path& path) {
  SentencePieceModel model = SentencePieceModel::parse(read_file(path), path.string());
  if (model.kind != SentencePieceModel::Kind::unigram) {
    throw UnknownComponent(
        fmt::format("{}: a SentencePiece model that is no unigram model is not supported here. "
                    "Bring the model's tokenizer.json.",
                    path.string()));
  }
  if (model.pieces.size() < kReplaced || model.pieces[0].type != Type::unknown ||
      model.pieces[1].type != Type::control || model.pieces[2].type != Type::control) {
    throw UnknownComponent(
        fmt::format("{}: XLM-RoBERTa's file begins with <unk>, <s> and </s>, this one does not. "
                    "Bring the model's tokenizer.json.",
                    path.string()));
  }
  if (model.pieces.size() + kShift + 1 >= Vocabulary::kMaxId) {
    throw InputError(
        fmt::format("{}: {} pieces are too many.", path.string(), model.pieces.size()));
  }
  return model;
}

/// What the class calls its special tokens where no file does.
void assume_specials(TokenizerConfig& config) {
  static constexpr std::pair<const char*, const char*> names[] = {
      {"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "<unk>"},  {"sep_token", "</s>"},
      {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>"}};
  for (const auto& [name, content] : names)
    config.named.emplace(name, AddedToken{.content = content, .special = true});
}

std::unique_ptr<Model> model_of(const SentencePieceModel& file, const TokenizerConfig& config) {
  Vocabulary vocabulary;
  std::vector<double> scores;
  vocabulary.reserve(file.pieces.size() + 2);
  const auto add = [&](const std::string& token, double score) {
    vocabulary.set(token, static_cast<TokenId>(scores.size()));
    scores.push_back(score);
  };
  for (const char* name : {"bos_token", "pad_token", "eos_token", "unk_token"})
    add(config.named.at(name).content, 0);
  for (std::size_t i = kReplaced; i < file.pieces.size(); ++i)
    add(file.pieces[i].text, file.pieces[i].score);
  add(config.named.at("mask_token").content, 0);
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores),
                                   UnigramOptions{.unk = kUnknown});
}

std::vector<AddedToken> added_tokens_of(const SentencePieceModel& model) {
  std::vector<AddedToken> added;
  for (std::size_t i = kReplaced; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    if (piece.type != Type::control && piece.type != Type::user_defined) continue;
    added.push_back({.content = piece.text,
                     .id = static_cast<TokenId>(i) + kShift,
                     .special = piece.type == Type::control});
  }
  return added;
}

}  // namespace

std::unique_ptr<Tokenizer> load_fairseq_sentencepiece(const fs::path& directory) {
  const fs::path path = find_file(directory / "sentencepiece.bpe.model");
  TokenizerConfig config = read_tokenizer_config(directory);
  if (!config.is_class("XLMRobertaTokenizer", "xlm-roberta"))
    config.unknown_class(directory, "XLMRobertaTokenizer");
  assume_specials(config);
  const SentencePieceModel model = read_model(path);
  Parts parts{.model = model_of(model, config), .added_tokens = added_tokens_of(model)};
  const nlohmann::json metaspace{
      {"type", "Metaspace"},
      {"replacement", "\u2581"},
      {"prepend_scheme", config.add_prefix_space.value_or(true) ? "always" : "never"}};
  const nlohmann::json rest{
      {"pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace}}}},
      {"decoder", metaspace}};
  read_components({rest, path.string()}, parts);
  if (!model.charsmap.empty())
    parts.normalizer = std::make_unique<Precompiled>(model.charsmap, path.string());
  surround(config, "bos_token", "eos_token", parts);
  return std::make_unique<Pipeline>(std::move(parts), config);
}

}  // namespace factsweep::text
