// Token text <-> token id. Ids may have gaps; a gap has an empty text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep::text {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

template <typename Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

class Vocabulary {
 public:
  /// A damaged file must not make us allocate by a wild id.
  static constexpr TokenId kMaxId = 1 << 21;

  void reserve(std::size_t count) { ids_.reserve(count); }

  /// A later entry wins, as when Hugging Face lays added tokens over the model's own.
  void set(std::string_view text, TokenId id) {
    if (static_cast<std::size_t>(id) >= texts_.size()) texts_.resize(id + 1);
    texts_[id] = text;
    ids_.insert_or_assign(std::string(text), id);
  }
  std::optional<TokenId> find(std::string_view text) const {
    const auto found = ids_.find(text);
    if (found == ids_.end()) return std::nullopt;
    return found->second;
  }
  const std::string& text(TokenId id) const { return texts_[id]; }
  TokenId size() const { return static_cast<TokenId>(texts_.size()); }

 private:
  StringMap<TokenId> ids_;
  std::vector<std::string> texts_;
};

}  // namespace factsweep::text
