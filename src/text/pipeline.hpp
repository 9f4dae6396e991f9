// The pipeline of Hugging Face's tokenizers library: added tokens, normalizer, pre-tokenizer,
// model, post-processor, decoder. Whatever files a model has, this is what they become.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "model.hpp"
#include "normalizer.hpp"
#include "post_processor.hpp"
#include "pre_tokenizer.hpp"
#include "tokenizer_base.hpp"
#include "tokenizer_config.hpp"

namespace factsweep::text {

/// The parts, each as Hugging Face configures it.
struct Parts {
  std::unique_ptr<Model> model;
  std::vector<AddedToken> added_tokens;
  std::unique_ptr<Normalizer> normalizer;       // may be null
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // may be null
  PostProcessor post_processor;
  Decoder decoder;
};

class Pipeline final : public TokenizerBase {
 public:
  Pipeline(Parts parts, const TokenizerConfig& config);
  std::vector<TokenId> encode(std::string_view text, bool with_special) const override;

 private:
  void encode_segment(std::string_view text, bool at_start, std::vector<TokenId>& ids) const;
  void encode_plain(std::string_view text, bool at_start, std::vector<TokenId>& ids) const;

  Parts parts_;
  AddedTokenFinder in_raw_;
  AddedTokenFinder in_normalized_;
};

/// Normalizer, pre-tokenizer, decoder from the keys of `root` that are there.
void read_components(const Component& root, Parts& parts);

/// Sets the post-processor to the special tokens that `config` calls `first` ("cls_token") and
/// `last`, where it has them.
void surround(const TokenizerConfig& config, const std::string& first, const std::string& last,
              Parts& parts);

/// Sets the post-processor that tokenizer_config.json's add_bos_token and add_eos_token ask for.
void add_bos_and_eos(const TokenizerConfig& config, Parts& parts);

/// `tokenizer.json` of `directory`. UnknownComponent where it needs something that is not
/// implemented.
std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& directory);

/// `vocab.json` and `merges.txt` of `directory`, the older form of GPT-2 and Qwen2 tokenizers.
std::unique_ptr<Tokenizer> load_vocab_and_merges(const std::filesystem::path& directory);

/// `vocab.txt` of `directory`, the older form of BERT's and MPNet's WordPiece.
std::unique_ptr<Tokenizer> load_vocab_txt(const std::filesystem::path& directory);

/// `sentencepiece.bpe.model` of `directory`, the older form of XLM-RoBERTa's tokenizer: a unigram
/// model in spite of its name, with fairseq's ids.
std::unique_ptr<Tokenizer> load_fairseq_sentencepiece(const std::filesystem::path& directory);

}  // namespace factsweep::text
