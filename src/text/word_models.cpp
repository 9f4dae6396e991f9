#include "word_models.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "characters.hpp"

namespace factsweep::text {
namespace {

TokenId unknown_id(const Vocabulary& vocabulary, const std::string& unk_token,
                   std::string_view word) {
  if (const auto id = vocabulary.find(unk_token)) return *id;
  throw InputError(fmt::format(
      "the text has the word '{}', which the vocabulary lacks, and so does it lack the unk_token "
      "'{}'.",
      word, unk_token));
}

std::size_t read_size(const Component& description, const char* key, std::int64_t fallback) {
  const std::int64_t value = description.integer(key, fallback);
  if (value < 0) description.at(key).fail("a number of characters cannot be negative.");
  return static_cast<std::size_t>(value);
}

bool starts_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
}

}  // namespace

WordPiece::WordPiece(const Component& description)
    : Model(read_vocabulary(description.at("vocab"))),
      unk_token_(description.text("unk_token", "[UNK]")),
      prefix_(description.text("continuing_subword_prefix", "##")),
      longest_word_(read_size(description, "max_input_chars_per_word", 100)) {
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    longest_token_ = std::max(longest_token_, vocabulary_.text(id).size());
  }
}

void WordPiece::encode(std::string_view word, std::vector<TokenId>& ids) const {
  if (const auto known = cache_.find(word)) {
    ids.insert(ids.end(), known->begin(), known->end());
    return;
  }
  std::vector<TokenId> found;
  if (count_characters(word) > longest_word_ || !cut(word, found)) {
    found = {unknown_id(vocabulary_, unk_token_, word)};
  }
  ids.insert(ids.end(), found.begin(), found.end());
  cache_.store(word, found);
}

/// False where no token fits.
bool WordPiece::cut(std::string_view word, std::vector<TokenId>& ids) const {
  std::string piece;
  for (std::size_t begin = 0; begin < word.size();) {
    piece = begin > 0 ? prefix_ : "";
    const std::size_t head = piece.size();
    piece += word.substr(begin, longest_token_);
    std::optional<TokenId> id;
    for (; piece.size() > head; piece.pop_back()) {
      const std::size_t end = begin + piece.size() - head;
      if (end < word.size() && !starts_character(word[end])) continue;
      if ((id = vocabulary_.find(piece))) break;
    }
    if (!id) return false;
    ids.push_back(*id);
    begin += piece.size() - head;
  }
  return true;
}

WordLevel::WordLevel(const Component& description)
    : Model(read_vocabulary(description.at("vocab"))),
      unk_token_(description.text("unk_token", "<unk>")) {}

void WordLevel::encode(std::string_view word, std::vector<TokenId>& ids) const {
  const auto id = vocabulary_.find(word);
  ids.push_back(id ? *id : unknown_id(vocabulary_, unk_token_, word));
}

}  // namespace factsweep::text
