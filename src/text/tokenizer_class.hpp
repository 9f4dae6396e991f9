// What transformers makes of a tokenizer.json: most classes that a folder can name build their own
// normalizer, pre-tokenizer and decoder, and let tokenizer_config.json switch parts of them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tokenizer_config.hpp"

namespace factsweep::text {

/// Lays the switches of `config` over `content`, a tokenizer.json read from `file`, as transformers
/// 5 does: add_prefix_space for the classes of byte-level BPE, LlamaTokenizer and
/// XLMRobertaTokenizer; legacy for LlamaTokenizer; do_lower_case, strip_accents and
/// tokenize_chinese_chars for those of BERT's kind. InputError names a switch that asks for what
/// the file has no place for, or that the folder's class would not see.
void apply_class(const TokenizerConfig& config, nlohmann::json& content, const std::string& file);

}  // namespace factsweep::text
