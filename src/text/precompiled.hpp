// SentencePiece's compiled table of replacements (nmt_nfkc and the like): a double-array trie of
// characters and the strings that they become.
#pragma once

#include <unicode/brkiter.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "normalizer.hpp"

namespace factsweep::text {

class Precompiled final : public Normalizer {
 public:
  /// From the base64 text of `precompiled_charsmap`.
  explicit Precompiled(const Component& description);
  /// From the bytes themselves. InputError naming `where` when they are too short.
  Precompiled(std::string_view charsmap, std::string where);

  /// Replaces as tokenizers does, which is not quite what SentencePiece does: a short grapheme
  /// becomes what its shortest known beginning becomes, all others go character by character.
  /// InputError when the table turns out to be damaged.
  std::string apply(std::string text) const override;

 private:
  void load(std::string_view charsmap);
  template <typename Visit>
  void for_each_grapheme(std::string_view text, Visit visit) const;
  std::uint32_t unit(std::size_t position) const;
  std::optional<std::string_view> replacement(std::string_view text) const;
  [[noreturn]] void fail() const;

  std::string where_;
  std::vector<std::uint32_t> units_;
  std::unique_ptr<icu::BreakIterator> graphemes_;
  std::string strings_;  // each ends in a zero byte
};

}  // namespace factsweep::text
