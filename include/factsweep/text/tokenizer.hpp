// Text <-> token ids, as the model's own Hugging Face tokenizer does it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep {

using TokenId = std::int32_t;

/// Not for several threads at once, const or not: it remembers words it has cut.
class Tokenizer {
 public:
  /// Reads a model directory: `tokenizer.json` (of Hugging Face's tokenizers library: BPE, Unigram,
  /// WordPiece, WordLevel), else `tokenizer.model` (SentencePiece), else `sentencepiece.bpe.model`
  /// (XLM-RoBERTa), else `vocab.json` + `merges.txt`, else `vocab.txt` (BERT, MPNet); special tokens
  /// and add_bos/add_eos from tokenizer_config.json where present. Any of these may be gzipped.
  /// InputError: none there, a damaged file, a component we do not know (named).
  static std::unique_ptr<Tokenizer> load(const std::filesystem::path& directory);
  /// The same, read once a process as long as the folder's files keep their names, sizes and times.
  static std::shared_ptr<const Tokenizer> shared(const std::filesystem::path& directory);
  virtual ~Tokenizer() = default;

  /// Token ids of `text`. `with_special`: add BOS/EOS the way the tokenizer does by default
  /// (transformers' add_special_tokens=True). Added tokens written inside the text are recognised,
  /// as in transformers. Bytes that are not UTF-8 become U+FFFD first, one for each maximal
  /// ill-formed part (the tokenizers library takes only valid text; so does Rust repair it).
  /// InputError where the vocabulary lacks a character and has no token for the unknown.
  virtual std::vector<TokenId> encode(std::string_view text, bool with_special = false) const = 0;

  /// The text of `ids` as transformers' decode(skip_special_tokens=True,
  /// clean_up_tokenization_spaces=False).
  virtual std::string decode(std::span<const TokenId> ids) const = 0;

  /// The bytes that token `id` adds to a text when it is not the first token (a SentencePiece
  /// "_Paris" gives " Paris", a WordPiece "##ing" gives "ing" and "Paris" gives " Paris"; a byte
  /// token one raw byte, possibly part of a UTF-8 character; a special token nothing).
  virtual std::string_view piece(TokenId id) const = 0;

  virtual std::int32_t size() const = 0;  // ids are in [0, size)
  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  virtual bool is_special(TokenId id) const = 0;
};

}  // namespace factsweep
