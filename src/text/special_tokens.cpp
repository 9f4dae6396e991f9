#include "factsweep/text/special_tokens.hpp"

#include <algorithm>
#include <optional>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "tokenizer_config.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

/// The id of `content`, whether texts are searched for it or only the model makes it.
std::optional<TokenId> id_of(const std::string& content, const Tokenizer& tokenizer) {
  try {
    const std::vector<TokenId> ids = tokenizer.encode(content);
    if (ids.size() == 1) return ids.front();
  } catch (const InputError&) {
    return std::nullopt;  // the vocabulary lacks a character of it
  }
  for (TokenId id = 0; id < tokenizer.size(); ++id) {
    if (tokenizer.piece(id) == content) return id;
  }
  return std::nullopt;
}

}  // namespace

std::vector<TokenId> end_tokens(const fs::path& directory, const Tokenizer& tokenizer) {
  std::vector<TokenId> ends;
  const auto add = [&](std::optional<TokenId> id) {
    if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
  };
  add(tokenizer.eos());
  for (const std::string& content : text::read_tokenizer_config(directory).ends)
    add(id_of(content, tokenizer));
  return ends;
}

std::map<TokenId, std::string> added_tokens(const fs::path& directory) {
  std::map<TokenId, std::string> added;
  const auto add = [&](const text::AddedToken& token) {
    if (token.id) added.emplace(*token.id, token.content);
  };
  if (text::is_present(directory / "tokenizer.json")) {
    const nlohmann::json content = read_json(directory / "tokenizer.json");
    const text::Component root(content, find_file(directory / "tokenizer.json").string());
    if (root.has("added_tokens")) {
      for (const text::Component& item : root.list("added_tokens"))
        add(text::read_added_token(item));
    }
  }
  for (const text::AddedToken& token : text::read_tokenizer_config(directory).added) add(token);
  return added;
}

}  // namespace factsweep
