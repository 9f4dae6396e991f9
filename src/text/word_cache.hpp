// The ids of words seen before: a text's words repeat, and a look-up is far cheaper than merging.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep::text {

class WordCache {
 public:
  WordCache() : entries_(kEntries) {}

  /// The span is good until the next store().
  std::optional<std::span<const TokenId>> find(std::string_view word) const {
    const std::size_t hash = std::hash<std::string_view>{}(word);
    const Entry& entry = entries_[hash % kEntries];
    if (entry.generation != generation_ || entry.hash != hash || key(entry) != word) {
      return std::nullopt;
    }
    return std::span(ids_).subspan(entry.ids_at, entry.ids_size);
  }

  /// A word that falls on another's place takes it.
  void store(std::string_view word, std::span<const TokenId> ids) {
    if (word.size() > kLongest) return;
    if (keys_.size() > kBytes || ids_.size() > kBytes) clear();
    const std::size_t hash = std::hash<std::string_view>{}(word);
    entries_[hash % kEntries] = {hash,
                                 static_cast<std::uint32_t>(keys_.size()),
                                 static_cast<std::uint32_t>(word.size()),
                                 static_cast<std::uint32_t>(ids_.size()),
                                 static_cast<std::uint32_t>(ids.size()),
                                 generation_};
    keys_ += word;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
  }

 private:
  static constexpr std::size_t kEntries = 1 << 15;
  static constexpr std::size_t kBytes = 1 << 21;
  static constexpr std::size_t kLongest = 256;  // longer words hardly come back
  struct Entry {
    std::size_t hash = 0;
    std::uint32_t key_at = 0;
    std::uint32_t key_size = 0;
    std::uint32_t ids_at = 0;
    std::uint32_t ids_size = 0;
    std::uint32_t generation = 0;
  };

  std::string_view key(const Entry& entry) const {
    return std::string_view(keys_).substr(entry.key_at, entry.key_size);
  }
  void clear() {
    keys_.clear();
    ids_.clear();
    ++generation_;  // outdates all entries without touching them
  }

  std::vector<Entry> entries_;
  std::string keys_;
  std::vector<TokenId> ids_;
  std::uint32_t generation_ = 1;
};

}  // namespace factsweep::text
