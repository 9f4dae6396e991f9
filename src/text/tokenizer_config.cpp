#include "tokenizer_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "factsweep/core/file.hpp"

namespace factsweep::text {
namespace fs = std::filesystem;
namespace {

constexpr std::array kNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                               "pad_token", "cls_token", "mask_token"};

/// A special token written as a string or as an object.
AddedToken read_special(const Component& value) {
  AddedToken token;
  if (value.value().is_object()) {
    token = read_added_token(value);
  } else {
    token.content = value.as_text();
  }
  token.special = true;
  return token;
}

/// Calls `visit(Component)` with the file's content, when there is such a file.
template <typename Visit>
void visit_file(const fs::path& path, Visit visit) {
  if (!is_present(path)) return;
  const nlohmann::json content = read_json(path);
  const Component root(content, find_file(path).string());
  if (!content.is_object()) root.fail("a JSON object is needed.");
  visit(root);
}

void read_special_tokens(const Component& root, TokenizerConfig& config) {
  for (const char* name : kNames) {
    // a token said to be null is a token the model does not have, whatever other files say
    const bool says_none = root.value().contains(name) && !root.has(name);
    if (says_none) config.named.emplace(name, AddedToken{});
    if (root.has(name)) config.named.emplace(name, read_special(root.at(name)));
  }
  for (const char* list : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!root.has(list) || !root.at(list).value().is_array()) continue;
    for (const Component& item : root.list(list)) config.added.push_back(read_special(item));
  }
}

void read_main(const Component& root, TokenizerConfig& config) {
  read_special_tokens(root, config);
  if (root.has("added_tokens_decoder")) {
    const Component decoder = root.at("added_tokens_decoder");
    if (!decoder.value().is_object()) decoder.fail("an object of id: token is needed here.");
    for (const auto& [key, unused] : decoder.value().items()) {
      AddedToken token = read_added_token(decoder.at(key.c_str()));
      TokenId id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size() || id < 0 ||
          id >= Vocabulary::kMaxId) {
        decoder.fail(fmt::format("'{}' is not a token id.", key));
      }
      token.id = id;
      config.added.push_back(std::move(token));
    }
  }
  const auto read_flag = [&](const char* key, std::optional<bool>& flag) {
    if (root.has(key)) flag = root.flag(key, false);
  };
  read_flag("add_bos_token", config.add_bos_token);
  read_flag("add_eos_token", config.add_eos_token);
  read_flag("add_prefix_space", config.add_prefix_space);
  read_flag("do_lower_case", config.do_lower_case);
  read_flag("tokenize_chinese_chars", config.tokenize_chinese_chars);
  read_flag("strip_accents", config.strip_accents);
  config.legacy = root.flag("legacy", false);
  config.tokenizer_class = root.text("tokenizer_class", "");
  if (config.tokenizer_class.ends_with("Fast"))
    config.tokenizer_class.resize(config.tokenizer_class.size() - 4);
  if (config.tokenizer_class == "PreTrainedTokenizer") config.tokenizer_class.clear();
}

void read_ids(const Component& root, TokenizerConfig& config) {
  const auto read = [&](const char* key, std::optional<TokenId>& id) {
    if (id || !root.has(key)) return;
    const bool several = root.at(key).value().is_array();
    if (several && root.list(key).empty()) return;
    // of several end tokens the first is the one of plain text
    const Component item = several ? root.list(key).front() : root.at(key);
    if (item.value().is_number_integer() && item.value() < 0) return;  // -1: the model has none
    id = item.token_id();
  };
  read("bos_token_id", config.bos_id);
  read("eos_token_id", config.eos_id);
  if (config.model_type.empty()) config.model_type = root.text("model_type", "");
}

}  // namespace

bool is_present(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored) || fs::exists(path.string() + ".gz", ignored);
}

TokenizerConfig read_tokenizer_config(const fs::path& directory) {
  TokenizerConfig config;
  visit_file(directory / "tokenizer_config.json",
             [&](const Component& root) { read_main(root, config); });
  visit_file(directory / "special_tokens_map.json",
             [&](const Component& root) { read_special_tokens(root, config); });
  visit_file(directory / "added_tokens.json", [&](const Component& root) {
    for (const auto& [content, unused] : root.value().items()) {
      const TokenId id = root.at(content.c_str()).token_id();
      config.added.push_back({.content = content, .id = id, .normalized = true});
    }
  });
  for (const char* name : {"generation_config.json", "config.json"}) {
    visit_file(directory / name, [&](const Component& root) { read_ids(root, config); });
  }
  return config;
}

bool TokenizerConfig::is_class(std::string_view name, std::string_view type) const {
  if (!tokenizer_class.empty()) return tokenizer_class == name;
  return model_type.empty() || model_type == type;
}

void TokenizerConfig::unknown_class(const fs::path& directory, std::string_view supported) const {
  const bool has_class = !tokenizer_class.empty();
  const fs::path file = directory / (has_class ? "tokenizer_config.json" : "config.json");
  throw UnknownComponent(fmt::format(
      "{}: {}: '{}' is not supported without a tokenizer.json. Supported here: {}. Bring the "
      "model's tokenizer.json (save_pretrained of a fast tokenizer writes it).",
      file.string(), has_class ? "tokenizer_class" : "model_type",
      has_class ? tokenizer_class : model_type, supported));
}

std::optional<TokenId> TokenizerConfig::id_of(const std::string& name,
                                              const Vocabulary& vocabulary) const {
  const auto found = named.find(name);
  if (found != named.end()) return vocabulary.find(found->second.content);
  return name == "bos_token" ? bos_id : name == "eos_token" ? eos_id : std::nullopt;
}

std::vector<AddedToken> join_added_tokens(std::vector<AddedToken> tokens,
                                          const TokenizerConfig& config, Vocabulary& vocabulary) {
  for (const AddedToken& token : tokens) vocabulary.set(token.content, *token.id);
  const auto join = [&](AddedToken token) {
    if (token.content.empty()) return;
    const auto same = std::find_if(tokens.begin(), tokens.end(), [&](const AddedToken& other) {
      return other.content == token.content;
    });
    if (same != tokens.end()) {
      same->special |= token.special;
      return;
    }
    if (!token.id) token.id = vocabulary.find(token.content).value_or(vocabulary.size());
    vocabulary.set(token.content, *token.id);
    tokens.push_back(std::move(token));
  };
  // those with ids in their order, then the named ones, then all others, as transformers does it
  std::vector<AddedToken> others = config.added;
  const auto rest = std::stable_partition(
      others.begin(), others.end(), [](const AddedToken& token) { return token.id.has_value(); });
  std::stable_sort(others.begin(), rest,
                   [](const AddedToken& a, const AddedToken& b) { return *a.id < *b.id; });
  std::for_each(others.begin(), rest, join);
  for (const char* name : kNames) {
    const auto found = config.named.find(name);
    if (found != config.named.end()) join(found->second);
  }
  std::for_each(rest, others.end(), join);
  return tokens;
}

}  // namespace factsweep::text
