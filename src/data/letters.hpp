// Characters as Python's str sees them: lower case, words (\w), white space. The SQuAD
// normalisation is defined in Python, and published numbers come from there. Texts are compared in
// canonical decomposition (NFD): what is equal in it is equal in NFC, and it is known of the
// beginning of a text but for the order of its last marks. Private to the data module.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace factsweep {

/// The characters of UTF-8 text in NFD, `compatible` in NFKD; malformed bytes become U+FFFD.
std::u32string decomposed(std::string_view text, bool compatible = false);

/// What of a text counts.
struct LetterRules {
  bool compatible = false;  // NFKD
  bool folded = false;      // full case folding
  bool accents = true;   // false: marks on letters are dropped (not vowel signs, nor dots of kana)
  bool turkish = false;  // I is the capital of dotless i, where case is folded
};
std::u32string letters_of(std::string_view text, const LetterRules& rules);

/// Each character is mapped by itself, so the result for a text begins with the result for its
/// prefix; hence both forms of the Greek small sigma become one.
std::u32string lower_case(std::u32string letters);

/// Whether the NFD of some text that goes on after `begun` is or begins `whole`, both NFD.
bool may_grow_into(std::u32string_view begun, std::u32string_view whole);

bool is_word(char32_t c);               // letters and numbers, and the marks on them
bool is_space(char32_t c);              // Unicode white space
bool is_ascii_punctuation(char32_t c);  // string.punctuation
bool is_punctuation(char32_t c);        // that, and Unicode's
bool is_unspaced(char32_t c);           // of a script that has no spaces between words
bool joins_before(char32_t c);          // NFC may make one character of it and the one before

/// Whether a word goes on across a byte offset of UTF-8 text: letters or numbers stand on both
/// sides, of scripts that have spaces between words.
bool inside_word(std::string_view text, std::size_t offset);

/// Without white space at both ends.
std::u32string_view stripped(std::u32string_view letters);
std::string_view stripped(std::string_view text);
std::u32string_view without_leading_space(std::u32string_view letters);

}  // namespace factsweep
