// What ICU knows about characters, for UTF-8 strings.
#pragma once

#include <string>
#include <string_view>

namespace factsweep::text {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

std::string normalize(NormalForm form, std::string_view text);

/// Character by character, as Rust's char::to_lowercase (no special final sigma).
std::string lowercase(std::string_view text);

/// Ill-formed bytes become U+FFFD, one for each maximal ill-formed part (Rust's from_utf8_lossy).
std::string replace_invalid_utf8(std::string_view text);
bool is_valid_utf8(std::string_view text);

/// Rust's regex class \w at the edges of a text.
bool starts_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

/// Bytes of Unicode white space at the edges of a text.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

}  // namespace factsweep::text
