#include "sentencepiece_tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "bpe.hpp"
#include "characters.hpp"
#include "factsweep/core/file.hpp"
#include "pipeline.hpp"
#include "precompiled.hpp"
#include "sentencepiece_model.hpp"
#include "unigram.hpp"

namespace factsweep::text {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSpace = "\u2581";  // how SentencePiece writes the space

using Type = SentencePieceModel::Type;

Vocabulary vocabulary_of(const SentencePieceModel& model, const std::string& file) {
  if (model.pieces.size() >= Vocabulary::kMaxId) {
    throw InputError(fmt::format("{}: {} pieces are too many.", file, model.pieces.size()));
  }
  Vocabulary vocabulary;
  vocabulary.reserve(model.pieces.size());
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    vocabulary.set(piece.text, vocabulary.size());
  }
  return vocabulary;
}

/// SentencePiece merges any two neighbours that make a piece, the piece of the highest score first.
/// Here all cuts of all pieces are written out as merges; among equal scores those with the longest
/// left half come first, so that runs of spaces grow from the left.
std::vector<Merge> merges_of(const SentencePieceModel& model, const Vocabulary& vocabulary) {
  struct Cut {
    float score;
    std::size_t left_characters;
    std::size_t right_characters;
    Merge merge;
  };
  std::vector<Cut> cuts;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.type == Type::control || piece.type == Type::unknown || piece.type == Type::byte) {
      continue;
    }
    const std::string_view text = piece.text;
    const std::size_t count = count_characters(text);
    std::size_t before = 0;
    for_each_character(text, [&](char32_t, std::string_view character) {
      const auto cut = static_cast<std::size_t>(character.data() - text.data());
      const std::string_view left = text.substr(0, cut);
      const std::string_view right = text.substr(cut);
      if (before > 0 && vocabulary.find(left) && vocabulary.find(right)) {
        cuts.push_back(
            {piece.score, before, count - before, {std::string(left), std::string(right)}});
      }
      ++before;
    });
  }
  std::stable_sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::tie(a.score, a.left_characters, a.right_characters) >
           std::tie(b.score, b.left_characters, b.right_characters);
  });
  std::vector<Merge> merges;
  merges.reserve(cuts.size());
  for (Cut& cut : cuts) merges.push_back(std::move(cut.merge));
  return merges;
}

std::unique_ptr<Model> model_of(const SentencePieceModel& model, const std::string& file) {
  Vocabulary vocabulary = vocabulary_of(model, file);
  switch (model.kind) {
    case SentencePieceModel::Kind::bpe: {
      const BpeOptions options{
          .byte_fallback = model.byte_fallback, .fuse_unk = true, .unk_token = model.unk_piece};
      const std::vector<Merge> merges = merges_of(model, vocabulary);
      return std::make_unique<Bpe>(std::move(vocabulary), merges, options,
                                   [&](std::size_t) { return file; });
    }
    case SentencePieceModel::Kind::unigram: {
      std::vector<double> scores;
      for (const SentencePieceModel::Piece& piece : model.pieces) scores.push_back(piece.score);
      if (model.unk_id < 0 || model.unk_id >= vocabulary.size()) {
        throw InputError(fmt::format("{}: the id of the unknown piece, {}, is outside 0..{}.", file,
                                     model.unk_id, vocabulary.size() - 1));
      }
      return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores),
                                       UnigramOptions{model.unk_id, model.byte_fallback});
    }
    default:
      throw UnknownComponent(fmt::format(
          "{}: a model of words or characters is not supported. Supported here: BPE, Unigram.",
          file));
  }
}

/// What transformers builds around the model: a space before the text, spaces as U+2581.
nlohmann::json describe(const SentencePieceModel& model, const TokenizerConfig& config) {
  const bool prefix = config.add_prefix_space.value_or(model.add_dummy_prefix);
  const nlohmann::json space_to_mark{
      {"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}};
  const char* scheme = !prefix ? "never" : config.legacy ? "always" : "first";
  nlohmann::json metaspace{
      {"type", "Metaspace"}, {"replacement", kSpace}, {"prepend_scheme", scheme}};
  nlohmann::json normalizers = nlohmann::json::array();
  nlohmann::json root;
  if (model.remove_extra_whitespaces) {
    normalizers.push_back({{"type", "Strip"}, {"strip_left", false}, {"strip_right", true}});
    normalizers.push_back(
        {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", kSpace}});
    metaspace["split"] = model.kind == SentencePieceModel::Kind::unigram;
    root["pre_tokenizer"] = metaspace;
  } else if (config.legacy) {
    if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
    normalizers.push_back(space_to_mark);
  } else {
    metaspace["split"] = false;
    root["pre_tokenizer"] = metaspace;
  }
  root["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  nlohmann::json decoders = {
      {{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}},
      {{"type", "ByteFallback"}},
      {{"type", "Fuse"}}};
  if (prefix) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  root["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  return root;
}

/// Names the model's own BOS and EOS where no file beside it does.
void assume_own_specials(const SentencePieceModel& model, TokenizerConfig& config) {
  const auto assume = [&](const char* name, const std::string& text) {
    const auto is_it = [&](const SentencePieceModel::Piece& piece) {
      return piece.text == text && piece.type == Type::control;
    };
    if (std::any_of(model.pieces.begin(), model.pieces.end(), is_it)) {
      config.named.emplace(name, AddedToken{.content = text, .special = true});
    }
  };
  assume("bos_token", model.bos_piece);
  assume("eos_token", model.eos_piece);
  if (!config.add_bos_token) config.add_bos_token = true;
}

std::vector<AddedToken> added_tokens_of(const SentencePieceModel& model) {
  std::vector<AddedToken> added;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SentencePieceModel::Piece& piece = model.pieces[i];
    const bool special = piece.type == Type::control || piece.type == Type::unknown;
    if (!special && piece.type != Type::user_defined) continue;
    added.push_back({.content = piece.text, .id = static_cast<TokenId>(i), .special = special});
  }
  return added;
}

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const fs::path& directory) {
  const std::string file = find_file(directory / "tokenizer.model").string();
  const SentencePieceModel model = SentencePieceModel::parse(read_file(file), file);
  TokenizerConfig config = read_tokenizer_config(directory);
  assume_own_specials(model, config);
  Parts parts{.model = model_of(model, file), .added_tokens = added_tokens_of(model)};
  const nlohmann::json description = describe(model, config);
  read_components({description, file}, parts);
  if (!model.charsmap.empty()) {
    std::vector<std::unique_ptr<Normalizer>> steps;
    steps.push_back(std::make_unique<Precompiled>(model.charsmap, file));
    steps.push_back(std::move(parts.normalizer));
    parts.normalizer = chain(std::move(steps));
  }
  add_bos_and_eos(config, parts);
  return std::make_unique<Pipeline>(std::move(parts), config);
}

}  // namespace factsweep::text
