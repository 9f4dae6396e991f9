// What ICU knows about characters, for UTF-8 strings. The libraries inside Hugging Face's
// tokenizers froze their tables at different versions of Unicode (8 for BERT's classes, 9 for
// normal forms); the functions here answer as those tables do. Of
// characters newer than the ICU and PCRE2 of this machine (Unicode 15 and 14 on Debian 12) nothing
// is known here.
#pragma once

#include <string>
#include <string_view>

#include "factsweep/text/utf8_check.hpp"

namespace factsweep::text {

enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// As Unicode 9 normalizes: newer characters stay as they are.
std::string normalize(NormalForm form, std::string_view text);

/// Character by character, as Rust's char::to_lowercase (no special final sigma).
std::string lowercase(std::string_view text);

/// Ill-formed bytes become U+FFFD, one for each maximal ill-formed part (Rust's from_utf8_lossy).
std::string replace_invalid_utf8(std::string_view text);

/// Rust's regex class \w.
bool is_word(char32_t character);
/// White_Space, Rust's char::is_whitespace.
bool is_space(char32_t character);
/// Categories Nd, Nl, No, Rust's char::is_numeric.
bool is_number(char32_t character);
/// BERT's punctuation: ASCII symbols too, and what Unicode 8 called punctuation.
bool is_punctuation(char32_t character);
/// What BERT's clean_text drops: controls, formats, private use, U+0000, U+FFFD.
bool is_bert_control(char32_t character);
/// The marks that BERT's strip_accents drops (Mn of Unicode 8) and those of StripAccents (all marks
/// of Unicode 9).
bool is_bert_accent(char32_t character);
bool is_accent(char32_t character);

/// The script in Unicode 9, kana counted as Han, as the UnicodeScripts pre-tokenizer sees it;
/// kAnyScript for the space and for characters of no known script.
constexpr int kAnyScript = -1;
int script_of(char32_t character);

/// \w at the edges of a text.
bool starts_with_word(std::string_view text);
bool ends_with_word(std::string_view text);

/// Bytes of white space at the edges of a text.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

}  // namespace factsweep::text
