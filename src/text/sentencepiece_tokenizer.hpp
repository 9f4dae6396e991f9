// tokenizer.model of SentencePiece (BPE or Unigram), made into the pipeline that transformers' fast
// tokenizers make of it.
#pragma once

#include <filesystem>
#include <memory>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep::text {

/// `tokenizer.model` of `directory`. BOS is added by default, EOS is not, unless
/// tokenizer_config.json says so.
std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& directory);

}  // namespace factsweep::text
