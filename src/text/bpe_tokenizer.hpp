// The pipeline of Hugging Face's tokenizers library around a BPE model: added tokens, normalizer,
// pre-tokenizer, model, post-processor, decoder.
#pragma once

#include <filesystem>
#include <memory>

#include "bpe.hpp"
#include "normalizer.hpp"
#include "post_processor.hpp"
#include "pre_tokenizer.hpp"
#include "tokenizer_base.hpp"
#include "tokenizer_config.hpp"

namespace factsweep::text {

/// The parts, each as Hugging Face configures it.
struct BpeParts {
  Bpe model;
  std::vector<AddedToken> added_tokens;
  std::unique_ptr<Normalizer> normalizer;       // may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // may be null
  PostProcessor post_processor;
  Decoder decoder;
};

class BpeTokenizer final : public TokenizerBase {
 public:
  BpeTokenizer(BpeParts parts, const TokenizerConfig& config);
  std::vector<TokenId> encode(std::string_view text, bool with_special) const override;

 private:
  void encode_plain(std::string_view text, bool at_start, std::vector<TokenId>& ids) const;

  BpeParts parts_;
  AddedTokenFinder in_raw_;
  AddedTokenFinder in_normalized_;
};

/// `tokenizer.json` of `directory`. UnknownComponent where it needs something that is not
/// implemented.
std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& directory);

/// `vocab.json` and `merges.txt` of `directory`, the older form of GPT-2 and Qwen2 tokenizers.
std::unique_ptr<Tokenizer> load_vocab_and_merges(const std::filesystem::path& directory);

}  // namespace factsweep::text
