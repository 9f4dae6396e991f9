#include "bpe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <queue>

#include "characters.hpp"

namespace factsweep::text {
namespace {

constexpr std::size_t kShortWord = 48;             // symbols; beyond it the heap wins
constexpr std::size_t kQuickCharacters = 0x10000;  // looked up by code point

Merge read_merge(const Component& entry) {
  if (entry.value().is_array() && entry.value().size() == 2 && entry.value()[0].is_string() &&
      entry.value()[1].is_string()) {
    return {entry.value()[0].get<std::string>(), entry.value()[1].get<std::string>()};
  }
  const std::string pair = entry.as_text();
  const std::size_t space = pair.find(' ');
  if (space == std::string::npos || pair.find(' ', space + 1) != std::string::npos) {
    entry.fail(fmt::format("a merge is two tokens with one space between them, not '{}'.", pair));
  }
  return {pair.substr(0, space), pair.substr(space + 1)};
}

}  // namespace

std::unique_ptr<Model> make_bpe(const Component& description) {
  if (description.has("dropout") && description.at("dropout").value() != 0.0) {
    description.at("dropout").unknown("dropout", "0 or null: encoding must be repeatable");
  }
  BpeOptions options;
  options.ignore_merges = description.flag("ignore_merges", false);
  options.byte_fallback = description.flag("byte_fallback", false);
  options.fuse_unk = description.flag("fuse_unk", false);
  options.unk_token = description.text("unk_token", "");
  options.continuing_subword_prefix = description.text("continuing_subword_prefix", "");
  options.end_of_word_suffix = description.text("end_of_word_suffix", "");
  const Component list = description.at("merges");
  if (!list.value().is_array()) list.fail("a list is needed here.");
  const auto place = [&](std::size_t i) { return fmt::format("{}[{}]", list.where(), i); };
  std::vector<Merge> merges;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < list.value().size(); ++i) {
    const nlohmann::json& item = list.value()[i];
    // files of the first releases hold merges.txt line by line, heading and all
    if (item.is_string() && item.get_ref<const std::string&>().starts_with("#version")) continue;
    merges.push_back(read_merge({item, place(i)}));
    places.push_back(i);
  }
  return std::make_unique<Bpe>(read_vocabulary(description.at("vocab")), merges, std::move(options),
                               [&](std::size_t i) { return place(places[i]); });
}

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
         const std::function<std::string(std::size_t)>& place)
    : Model(std::move(vocabulary)),
      options_(std::move(options)),
      is_plain_(options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty()),
      characters_(kQuickCharacters, -1) {
  const std::size_t prefix = options_.continuing_subword_prefix.size();
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto known = [&](const std::string& token) {
      if (const auto id = vocabulary_.find(token)) return *id;
      throw InputError(fmt::format(
          "{}: the merge '{} {}' needs the token '{}', which the vocabulary lacks. Vocabulary and "
          "merges must come from the same tokenizer.",
          place(i), merges[i].left, merges[i].right, token));
    };
    const auto left = static_cast<std::uint32_t>(known(merges[i].left));
    const auto right = static_cast<std::uint32_t>(known(merges[i].right));
    // every right half is taken to begin with the prefix
    const std::string tail = merges[i].right.substr(std::min(prefix, merges[i].right.size()));
    const TokenId whole = known(merges[i].left + tail);
    merges_.set(pack(left, right), {static_cast<std::uint32_t>(i), whole});
  }
  if (!options_.unk_token.empty()) unk_ = vocabulary_.find(options_.unk_token);
  if (options_.byte_fallback) byte_tokens_ = byte_tokens(vocabulary_);
  for (TokenId id = 0; id < vocabulary_.size(); ++id) {
    const std::string& text = vocabulary_.text(id);
    std::size_t at = 0;
    if (text.empty() || text.size() > 4) continue;
    const char32_t code = next_character(text, at);
    if (at == text.size() && code < kQuickCharacters) characters_[code] = id;
  }
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& ids) const {
  if (const auto known = cache_.find(word)) {
    ids.insert(ids.end(), known->begin(), known->end());
    return;
  }
  std::vector<TokenId> found;
  const auto whole = options_.ignore_merges ? vocabulary_.find(word) : std::nullopt;
  if (whole) {
    found.push_back(*whole);
  } else {
    found = characters(word);
    merge(found);
  }
  ids.insert(ids.end(), found.begin(), found.end());
  cache_.store(word, found);
}

std::optional<TokenId> Bpe::find_character(std::string_view character, bool first,
                                           bool last) const {
  if (is_plain_) {
    std::size_t at = 0;
    const char32_t code = next_character(character, at);
    if (code >= kQuickCharacters) return vocabulary_.find(character);
    if (characters_[code] < 0) return std::nullopt;
    return characters_[code];
  }
  std::string written(first ? "" : options_.continuing_subword_prefix);
  written += character;
  if (last) written += options_.end_of_word_suffix;
  return vocabulary_.find(written);
}

bool Bpe::push_bytes(std::string_view bytes, std::vector<TokenId>& ids) const {
  const auto token = [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
  if (byte_tokens_.empty()) return false;
  if (std::any_of(bytes.begin(), bytes.end(), [&](char c) { return token(c) < 0; })) return false;
  for (const char c : bytes) ids.push_back(token(c));
  return true;
}

std::vector<TokenId> Bpe::characters(std::string_view word) const {
  std::vector<TokenId> ids;
  ids.reserve(word.size());
  bool unknown = false;  // an unknown character is kept back, the next one may join it
  const auto flush = [&] {
    if (unknown) ids.push_back(*unk_);
    unknown = false;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::size_t begin = at;
    next_character(word, at);
    const std::string_view character = word.substr(begin, at - begin);
    if (const auto id = find_character(character, begin == 0, at == word.size())) {
      flush();
      ids.push_back(*id);
      continue;
    }
    if (push_bytes(character, ids) || options_.unk_token.empty()) continue;
    if (!unk_) {
      throw InputError(
          fmt::format("the text has '{}', which the vocabulary lacks, and so does it lack the "
                      "unk_token '{}'.",
                      character, options_.unk_token));
    }
    if (!options_.fuse_unk) flush();
    unknown = true;
  }
  flush();
  return ids;
}

void Bpe::merge(std::vector<TokenId>& ids) const {
  if (ids.size() <= kShortWord) {
    merge_short(ids);
  } else {
    merge_long(ids);
  }
}

/// Scans for the best pair each time; the ranks found once are kept, as merging changes two of
/// them.
void Bpe::merge_short(std::vector<TokenId>& ids) const {
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::array<Result, kShortWord> results;  // of ids[i] with ids[i + 1]
  std::size_t count = ids.size();
  const auto look_up = [&](std::size_t i) {
    const Result* result = find(ids[i], ids[i + 1]);
    results[i] = result == nullptr ? Result{kNone, 0} : *result;
  };
  for (std::size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (results[i].rank < results[best].rank) best = i;
    }
    if (results[best].rank == kNone) break;
    ids[best] = results[best].id;
    --count;
    std::copy(ids.begin() + best + 2, ids.begin() + count + 1, ids.begin() + best + 1);
    if (best + 1 < count) {
      std::copy(results.begin() + best + 2, results.begin() + count, results.begin() + best + 1);
      look_up(best);
    }
    if (best > 0) look_up(best - 1);
  }
  ids.resize(count);
}

struct Bpe::Symbol {
  TokenId id;
  int previous;
  int next;  // -1: none; a symbol merged into its left neighbour has id -1
};

/// With a heap of offers, for words of any length (a whole text where nothing cuts it).
void Bpe::merge_long(std::vector<TokenId>& ids) const {
  struct Candidate {
    std::uint32_t rank;
    int position;
    TokenId id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  const int count = static_cast<int>(ids.size());
  std::vector<Symbol> symbols;
  symbols.reserve(count);
  for (int i = 0; i < count; ++i) symbols.push_back({ids[i], i - 1, i + 1 < count ? i + 1 : -1});
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto offer = [&](int position) {
    if (position < 0 || symbols[position].next < 0) return;
    const Result* result = find(symbols[position].id, symbols[symbols[position].next].id);
    if (result != nullptr) queue.push({result->rank, position, result->id});
  };
  for (int i = 0; i + 1 < count; ++i) offer(i);
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[best.position];
    if (left.id < 0 || left.next < 0) continue;
    Symbol& right = symbols[left.next];
    // the pair that made this offer may be gone
    const Result* result = find(left.id, right.id);
    if (result == nullptr || result->id != best.id) continue;
    left.id = best.id;
    right.id = -1;
    left.next = right.next;
    if (left.next >= 0) symbols[left.next].previous = best.position;
    offer(left.previous);
    offer(best.position);
  }
  ids.clear();
  for (int i = count > 0 ? 0 : -1; i >= 0; i = symbols[i].next) ids.push_back(symbols[i].id);
}

}  // namespace factsweep::text
