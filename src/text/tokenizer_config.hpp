// What the small files beside a tokenizer say of its special tokens: tokenizer_config.json,
// special_tokens_map.json, added_tokens.json, generation_config.json, config.json.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "added_tokens.hpp"
#include "vocabulary.hpp"

namespace factsweep::text {

struct TokenizerConfig {
  std::map<std::string, AddedToken> named;  // "bos_token", "eos_token", "pad_token", ...
  std::vector<AddedToken> added;            // all others
  std::vector<std::string> ends;            // every eos_token that a file names
  std::optional<TokenId> bos_id;            // of the model's own configuration; it counts only
  std::optional<TokenId> eos_id;            // where the tokenizer's says nothing
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  std::optional<bool> add_prefix_space;
  std::optional<bool> do_lower_case;  // these three of BERT's kind
  std::optional<bool> tokenize_chinese_chars;
  std::optional<bool> strip_accents;
  // SentencePiece: a space before every text between special tokens, even one that begins with a
  // space. Without a tokenizer_config.json that is so, as the SentencePiece library does it.
  bool legacy = true;
  // Of tokenizer_config.json, else of config.json, without the "Fast" at its end; empty where none
  // is named or the one that reads any tokenizer.json.
  std::string tokenizer_class;
  bool general_class = false;  // the one that reads any tokenizer.json is named
  std::string model_type;      // of config.json
  std::string where;           // where the switches are from: tokenizer_config.json

  /// Whether the class is `name`, or, where no file names one, the model's type is `type`. True for
  /// all where both are unknown.
  bool is_class(std::string_view name, std::string_view type) const;
  /// The class that transformers 5 reads the folder with; empty for the one that takes a
  /// tokenizer.json as it is.
  std::string class_in_transformers() const;
  /// UnknownComponent: files of `directory` without a tokenizer.json are of a class that we do not
  /// know.
  [[noreturn]] void unknown_class(const std::filesystem::path& directory,
                                  std::string_view supported) const;

  /// The id of `name` ("bos_token") in `vocabulary`.
  std::optional<TokenId> id_of(const std::string& name, const Vocabulary& vocabulary) const;
};

TokenizerConfig read_tokenizer_config(const std::filesystem::path& directory);

/// `tokens` (of tokenizer.json) joined by those of `config`; all get ids and a place in
/// `vocabulary`, new ones after its end. InputError: a file gives a new one another id than the
/// next, which the tokenizers library would not follow.
std::vector<AddedToken> join_added_tokens(std::vector<AddedToken> tokens,
                                          const TokenizerConfig& config, Vocabulary& vocabulary);

/// Whether `path` or `path`.gz is there.
bool is_present(const std::filesystem::path& path);

}  // namespace factsweep::text
