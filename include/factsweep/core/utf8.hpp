// The little of UTF-8 that everything else needs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace factsweep {

/// Bytes of the character that starts with `lead`; 0 when no character can start so.
inline std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80) return 1;
  if (byte < 0xc2) return 0;
  if (byte < 0xe0) return 2;
  if (byte < 0xf0) return 3;
  return byte < 0xf5 ? 4 : 0;
}

/// The text after the byte-order mark that some editors begin a file with.
inline std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

/// The longest prefix of at most `length` bytes that does not cut a character.
inline std::string_view utf8_prefix(std::string_view text, std::size_t length) {
  if (text.size() <= length) return text;
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  return text.substr(0, length);
}

/// The text where it is short, else its beginning and "...": what a message quotes of a file.
inline std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 120;  // bytes
  if (text.size() <= kLongest) return std::string(text);
  return std::string(utf8_prefix(text, kLongest)) + " ...";
}

/// Bytes at the end of `text` that begin a character without finishing it (0 when it ends at a
/// boundary).
inline std::size_t utf8_unfinished(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const char byte = text[text.size() - back];
    if ((static_cast<unsigned char>(byte) & 0xc0) == 0x80) continue;
    return utf8_length(byte) > back ? back : 0;
  }
  return 0;
}

}  // namespace factsweep
