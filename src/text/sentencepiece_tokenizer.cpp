#include "sentencepiece_tokenizer.hpp"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "factsweep/core/file.hpp"
#include "sentencepiece_model.hpp"
#include "tokenizer_base.hpp"
#include "tokenizer_config.hpp"
#include "unicode.hpp"

namespace factsweep::text {
namespace fs = std::filesystem;
namespace {

using Processor = sentencepiece::SentencePieceProcessor;

void check(const sentencepiece::util::Status& status, std::string_view file) {
  if (!status.ok()) throw InputError(fmt::format("{}: {}.", file, status.ToString()));
}

class SentencePieceTokenizer final : public TokenizerBase {
 public:
  SentencePieceTokenizer(const SentencePieceModel& model, const TokenizerConfig& config,
                         std::string file);
  std::vector<TokenId> encode(std::string_view text, bool with_special) const override;

 private:
  Vocabulary read_vocabulary(std::vector<AddedToken>& added) const;

  std::string file_;
  Processor at_start_;  // puts a space before the text, if the model is so
  Processor inside_;    // does not
  AddedTokenFinder finder_;
  bool legacy_;
  bool add_bos_;
  bool add_eos_;
};

SentencePieceTokenizer::SentencePieceTokenizer(const SentencePieceModel& model,
                                               const TokenizerConfig& config, std::string file)
    : file_(std::move(file)),
      legacy_(config.legacy),
      add_bos_(config.add_bos_token.value_or(true)),
      add_eos_(config.add_eos_token.value_or(false)) {
  check(at_start_.LoadFromSerializedProto(model.bytes), file_);
  check(inside_.LoadFromSerializedProto(model.without_dummy_prefix()), file_);
  std::vector<AddedToken> added;
  Vocabulary vocabulary = read_vocabulary(added);
  added = join_added_tokens(std::move(added), config, vocabulary);
  for (const AddedToken& token : added) finder_.add(token, token.content);
  nlohmann::json steps = {
      {{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
      {{"type", "ByteFallback"}},
      {{"type", "Fuse"}}};
  if (model.add_dummy_prefix) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  const nlohmann::json decoder{{"type", "Sequence"}, {"decoders", steps}};
  set_tokens(vocabulary, added, Decoder(Component(decoder, file_)));
  const auto id_of = [&](const char* name, int own) -> std::optional<TokenId> {
    if (config.named.contains(name)) return config.id_of(name, vocabulary);
    if (own >= 0) return own;
    return config.id_of(name, vocabulary);
  };
  set_special(id_of("bos_token", at_start_.bos_id()), id_of("eos_token", at_start_.eos_id()));
}

Vocabulary SentencePieceTokenizer::read_vocabulary(std::vector<AddedToken>& added) const {
  Vocabulary vocabulary;
  vocabulary.reserve(at_start_.GetPieceSize());
  for (TokenId id = 0; id < at_start_.GetPieceSize(); ++id) {
    const std::string& piece = at_start_.IdToPiece(id);
    vocabulary.set(piece, id);
    if (at_start_.IsControl(id) || at_start_.IsUnknown(id)) {
      added.push_back({.content = piece, .id = id, .special = true});
    }
  }
  return vocabulary;
}

std::vector<TokenId> SentencePieceTokenizer::encode(std::string_view text,
                                                    bool with_special) const {
  std::string repaired;
  if (!is_valid_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> ids;
  if (with_special && add_bos_ && bos()) ids.push_back(*bos());
  std::vector<int> found;
  for (const Segment& segment : finder_.split(text)) {
    if (segment.id) {
      ids.push_back(*segment.id);
      continue;
    }
    const bool spaced = legacy_ || segment.text.data() == text.data();
    const Processor& processor = spaced ? at_start_ : inside_;
    check(processor.Encode({segment.text.data(), segment.text.size()}, &found), file_);
    ids.insert(ids.end(), found.begin(), found.end());
  }
  if (with_special && add_eos_ && eos()) ids.push_back(*eos());
  return ids;
}

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const fs::path& directory) {
  const fs::path path = find_file(directory / "tokenizer.model");
  const SentencePieceModel model = SentencePieceModel::parse(read_file(path), path.string());
  return std::make_unique<SentencePieceTokenizer>(model, read_tokenizer_config(directory),
                                                  path.string());
}

}  // namespace factsweep::text
