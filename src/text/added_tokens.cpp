#include "added_tokens.hpp"

#include <algorithm>

#include "unicode.hpp"

namespace factsweep::text {

AddedToken read_added_token(const Component& object) {
  if (!object.value().is_object()) object.fail("an added token (an object) is needed here.");
  AddedToken token;
  token.content = object.text("content");
  if (object.has("id")) token.id = object.at("id").token_id();
  token.special = object.flag("special", false);
  token.lstrip = object.flag("lstrip", false);
  token.rstrip = object.flag("rstrip", false);
  token.single_word = object.flag("single_word", false);
  token.normalized = object.flag("normalized", !token.special);
  token.where = object.where();
  return token;
}

void AddedTokenFinder::add(const AddedToken& token, std::string pattern) {
  if (pattern.empty()) return;
  auto& entries = by_first_byte_[static_cast<unsigned char>(pattern[0])];
  const auto shorter = [&](const Entry& entry) { return entry.pattern.size() < pattern.size(); };
  const auto place = std::find_if(entries.begin(), entries.end(), shorter);
  entries.insert(place, Entry{token, std::move(pattern)});
}

const AddedTokenFinder::Entry* AddedTokenFinder::match(std::string_view text,
                                                       std::size_t at) const {
  for (const Entry& entry : by_first_byte_[static_cast<unsigned char>(text[at])]) {
    if (text.substr(at).starts_with(entry.pattern)) return &entry;
  }
  return nullptr;
}

std::vector<Segment> AddedTokenFinder::split(std::string_view text) const {
  std::vector<Segment> segments;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Entry* found = match(text, at);
    if (found == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + found->pattern.size();
    at = end;  // also after a token that is refused: matches never overlap
    const AddedToken& token = found->token;
    if (token.single_word &&
        (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) {
      continue;
    }
    if (token.lstrip) begin = std::max(done, begin - trailing_space(text.substr(0, begin)));
    if (token.rstrip) at = end += leading_space(text.substr(end));
    if (begin > done) segments.push_back({text.substr(done, begin - done), std::nullopt});
    segments.push_back({text.substr(begin, end - begin), token.id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done), std::nullopt});
  return segments;
}

}  // namespace factsweep::text
