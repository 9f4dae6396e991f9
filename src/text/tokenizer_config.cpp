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
  if (root.has("eos_token")) config.ends.push_back(read_special(root.at("eos_token")).content);
  for (const char* list : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!root.has(list) || !root.at(list).value().is_array()) continue;
    for (const Component& item : root.list(list)) config.added.push_back(read_special(item));
  }
}

void read_class(const Component& root, TokenizerConfig& config) {
  std::string name = root.text("tokenizer_class", "");
  if (name.empty() || config.general_class || !config.tokenizer_class.empty()) return;
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  config.general_class = name == "PreTrainedTokenizer" || name == "TokenizersBackend";
  if (!config.general_class) config.tokenizer_class = name;
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
  config.where = root.where();
  read_class(root, config);
  for (const char* key : {"split_special_tokens", "fix_mistral_regex"}) {
    if (root.flag(key, false))
      root.fail(fmt::format("'{}' = true is not supported: set it to false or remove it.", key));
  }
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
}

void read_model_config(const Component& root, TokenizerConfig& config) {
  read_ids(root, config);
  config.model_type = root.text("model_type", "");
  read_class(root, config);
}

}  // namespace

bool is_present(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored) || fs::exists(path.string() + ".gz", ignored);
}

TokenizerConfig read_tokenizer_config(const fs::path& directory) {
  TokenizerConfig config;
  const auto read_map = [&] {
    visit_file(directory / "special_tokens_map.json",
               [&](const Component& root) { read_special_tokens(root, config); });
  };
  bool lists_added = false;
  visit_file(directory / "tokenizer_config.json", [&](const Component& root) {
    // of two files that name a token, transformers takes the older one only where this list is not
    lists_added = root.has("added_tokens_decoder");
    if (!lists_added) read_map();
    read_main(root, config);
  });
  if (lists_added || !is_present(directory / "tokenizer_config.json")) read_map();
  visit_file(directory / "added_tokens.json", [&](const Component& root) {
    for (const auto& [content, unused] : root.value().items()) {
      const Component place = root.at(content.c_str());
      config.added.push_back({.content = content,
                              .id = place.token_id(),
                              .normalized = true,
                              .where = place.where()});
    }
  });
  visit_file(directory / "generation_config.json",
             [&](const Component& root) { read_ids(root, config); });
  visit_file(directory / "config.json",
             [&](const Component& root) { read_model_config(root, config); });
  return config;
}

bool TokenizerConfig::is_class(std::string_view name, std::string_view type) const {
  if (!tokenizer_class.empty()) return tokenizer_class == name;
  return model_type.empty() || model_type == type;
}

std::string TokenizerConfig::class_in_transformers() const {
  static const std::map<std::string, const char*> of_type = {{"bert", "BertTokenizer"},
                                                             {"codegen", "GPT2Tokenizer"},
                                                             {"gemma", "GemmaTokenizer"},
                                                             {"gemma2", "GemmaTokenizer"},
                                                             {"gemma3_text", "GemmaTokenizer"},
                                                             {"gpt2", "GPT2Tokenizer"},
                                                             {"gpt_neox", "GPTNeoXTokenizer"},
                                                             {"gptj", "GPT2Tokenizer"},
                                                             {"ministral", ""},
                                                             {"mistral", ""},
                                                             {"mpnet", "MPNetTokenizer"},
                                                             {"opt", "GPT2Tokenizer"},
                                                             {"qwen2", "Qwen2Tokenizer"},
                                                             {"qwen3", "Qwen2Tokenizer"},
                                                             {"roberta", "RobertaTokenizer"},
                                                             {"xlm-roberta", "XLMRobertaTokenizer"}};
  const auto found = of_type.find(model_type);
  const std::string own = found == of_type.end() ? "" : found->second;
  // transformers trusts no class that a folder of these types names
  const bool overruled = model_type == "qwen2" || (found != of_type.end() && own.empty());
  if (overruled || (tokenizer_class.empty() && !general_class)) return own;
  return tokenizer_class == "BloomTokenizer" ? "" : tokenizer_class;
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

namespace {

/// The tokenizers library numbers what it adds to a vocabulary one by one.
void check_next(const AddedToken& token, const Vocabulary& vocabulary) {
  if (*token.id == vocabulary.size()) return;
  throw InputError(fmt::format(
      "{}: the added token '{}' has the id {}, but the tokenizers library numbers added tokens "
      "without gaps, and gives it {}. Give it the id that the model was trained with.",
      token.where, token.content, *token.id, vocabulary.size()));
}

bool has_gaps(const Vocabulary& vocabulary) {
  for (TokenId id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.text(id).empty()) return true;
  }
  return false;
}

}  // namespace

std::vector<AddedToken> join_added_tokens(std::vector<AddedToken> tokens,
                                          const TokenizerConfig& config, Vocabulary& vocabulary) {
  const bool checks = !has_gaps(vocabulary);
  for (const AddedToken& token : tokens) {
    if (checks && !vocabulary.find(token.content)) check_next(token, vocabulary);
    vocabulary.set(token.content, *token.id);
  }
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
    // a smaller id renames a token, as the older files do
    if (checks && *token.id > vocabulary.size()) check_next(token, vocabulary);
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
