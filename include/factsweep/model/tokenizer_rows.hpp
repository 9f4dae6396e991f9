// Tokenizers that know more tokens than the embedding has rows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

/// `tokenizer`, of the files in `directory`, for an embedding of `rows` rows. Tokens that were
/// added to the vocabulary may lie beyond it (Llama 2 as published has a <pad> without a row, which
/// nothing uses): encode() then throws an InputError for a text that holds one. InputError: a token
/// of the vocabulary itself lies beyond.
std::shared_ptr<const Tokenizer> within_rows(std::shared_ptr<const Tokenizer> tokenizer,
                                             std::int64_t rows,
                                             const std::filesystem::path& directory);

}  // namespace factsweep
