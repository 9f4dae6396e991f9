// What the files beside a tokenizer say of single tokens: which end a text, which were added to the
// vocabulary after the model was made.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

/// Every eos_token that tokenizer_config.json and special_tokens_map.json of `directory` name, as
/// ids of `tokenizer`, its own first.
std::vector<TokenId> end_tokens(const std::filesystem::path& directory, const Tokenizer& tokenizer);

/// The tokens that tokenizer.json, tokenizer_config.json and added_tokens.json of `directory` add by
/// id: id -> text.
std::map<TokenId, std::string> added_tokens(const std::filesystem::path& directory);

}  // namespace factsweep
