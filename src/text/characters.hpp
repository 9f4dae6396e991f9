// Walking over the characters of a UTF-8 text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "factsweep/core/utf8.hpp"

namespace factsweep::text {

/// The character at byte `at` < text.size(), which moves past it. The text should be valid UTF-8;
/// of bytes that are not, the answer is arbitrary, but nothing outside the text is read.
inline char32_t next_character(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) {
    ++at;
    return lead;
  }
  const std::size_t length = std::max<std::size_t>(1, utf8_length(text[at]));
  const std::size_t end = std::min(text.size(), at + length);
  char32_t code = lead & (0x7f >> length);
  for (++at; at < end; ++at) code = code << 6 | (static_cast<unsigned char>(text[at]) & 0x3f);
  return code;
}

/// Calls `visit(code point, its bytes)` for each character of `text`.
template <typename Visit>
void for_each_character(std::string_view text, Visit visit) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t code = next_character(text, at);
    visit(code, text.substr(begin, at - begin));
  }
}

inline std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for_each_character(text, [&](char32_t, std::string_view) { ++count; });
  return count;
}

}  // namespace factsweep::text
