#include "bpe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

#include "factsweep/core/utf8.hpp"

namespace factsweep::text {
namespace {

constexpr std::size_t kCachedWords = 1 << 17;
constexpr std::size_t kCachedLength = 256;  // longer words hardly come back

std::uint64_t pair_of(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

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

Vocabulary read_vocabulary(const Component& object) {
  if (!object.value().is_object()) object.fail("an object of token: id is needed here.");
  Vocabulary vocabulary;
  vocabulary.reserve(object.value().size());
  for (const auto& [token, id] : object.value().items()) {
    const bool plain = id.is_number_unsigned() && id.get<std::uint64_t>() < Vocabulary::kMaxId;
    // the message is built for the broken entry only: there are up to 300,000 of them
    vocabulary.set(
        token, plain ? id.get<TokenId>()
                     : Component(id, fmt::format("{}['{}']", object.where(), token)).token_id());
  }
  return vocabulary;
}

Bpe Bpe::from(const Component& model) {
  const std::string type = model.text("type", "BPE");  // the oldest files leave it out
  if (type != "BPE") model.unknown(type, "BPE");
  if (model.has("dropout") && model.at("dropout").value() != 0.0) {
    model.at("dropout").unknown("dropout", "0 or null: encoding must be repeatable");
  }
  BpeOptions options;
  options.ignore_merges = model.flag("ignore_merges", false);
  options.byte_fallback = model.flag("byte_fallback", false);
  options.fuse_unk = model.flag("fuse_unk", false);
  options.unk_token = model.text("unk_token", "");
  options.continuing_subword_prefix = model.text("continuing_subword_prefix", "");
  options.end_of_word_suffix = model.text("end_of_word_suffix", "");
  std::vector<Merge> merges;
  for (const Component& entry : model.list("merges")) merges.push_back(read_merge(entry));
  return {read_vocabulary(model.at("vocab")), merges, std::move(options),
          [&](std::size_t i) { return fmt::format("{}.merges[{}]", model.where(), i); }};
}

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options,
         const std::function<std::string(std::size_t)>& place)
    : vocabulary_(std::move(vocabulary)), options_(std::move(options)) {
  merges_.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const auto known = [&](const std::string& token) {
      if (const auto id = vocabulary_.find(token)) return *id;
      throw InputError(fmt::format(
          "{}: the merge '{} {}' needs the token '{}', which the vocabulary lacks. Vocabulary and "
          "merges must come from the same tokenizer.",
          place(i), merges[i].left, merges[i].right, token));
    };
    std::string_view tail = merges[i].right;
    if (tail.starts_with(options_.continuing_subword_prefix)) {
      tail.remove_prefix(options_.continuing_subword_prefix.size());
    }
    const TokenId left = known(merges[i].left);
    const TokenId right = known(merges[i].right);
    const TokenId whole = known(merges[i].left + std::string(tail));
    merges_.insert_or_assign(pair_of(left, right), Result{static_cast<std::uint32_t>(i), whole});
  }
  if (!options_.unk_token.empty()) unk_ = vocabulary_.find(options_.unk_token);
  if (options_.byte_fallback) {
    for (int byte = 0; byte < 256; ++byte) {
      byte_tokens_.push_back(vocabulary_.find(fmt::format("<0x{:02X}>", byte)));
    }
  }
}

const Bpe::Result* Bpe::find(TokenId left, TokenId right) const {
  const auto found = merges_.find(pair_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void Bpe::encode(std::string_view word, std::vector<TokenId>& ids) const {
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.find(word)) {
      ids.push_back(*id);
      return;
    }
  }
  const auto known = cache_.find(word);
  if (known != cache_.end()) {
    ids.insert(ids.end(), known->second.begin(), known->second.end());
    return;
  }
  std::vector<TokenId> found = characters(word);
  merge(found);
  ids.insert(ids.end(), found.begin(), found.end());
  if (word.size() > kCachedLength) return;
  if (cache_.size() >= kCachedWords) cache_.clear();
  cache_.emplace(word, std::move(found));
}

std::vector<TokenId> Bpe::characters(std::string_view word) const {
  std::vector<TokenId> ids;
  bool unknown = false;  // an unknown character is kept back, the next one may join it
  const auto flush = [&] {
    if (unknown) ids.push_back(*unk_);
    unknown = false;
  };
  for (std::size_t i = 0; i < word.size();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(word[i]));
    const std::string_view bytes = word.substr(i, length);
    std::string character(bytes);
    if (i > 0) character.insert(0, options_.continuing_subword_prefix);
    i += length;
    if (i >= word.size()) character += options_.end_of_word_suffix;
    if (const auto id = vocabulary_.find(character)) {
      flush();
      ids.push_back(*id);
      continue;
    }
    const auto has_token = [&](char c) {
      return byte_tokens_[static_cast<unsigned char>(c)].has_value();
    };
    if (options_.byte_fallback && std::all_of(bytes.begin(), bytes.end(), has_token)) {
      for (const char c : bytes) ids.push_back(*byte_tokens_[static_cast<unsigned char>(c)]);
    } else if (!options_.unk_token.empty()) {
      if (!unk_) {
        throw InputError(
            fmt::format("the text has '{}', which the vocabulary lacks, and so does it lack the "
                        "unk_token '{}'.",
                        bytes, options_.unk_token));
      }
      if (!options_.fuse_unk) flush();
      unknown = true;
    }
  }
  flush();
  return ids;
}

struct Bpe::Symbol {
  TokenId id;
  int previous;
  int next;  // -1: none; a symbol merged into its left neighbour has id -1
};

void Bpe::merge(std::vector<TokenId>& ids) const {
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
