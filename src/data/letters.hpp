// Characters as Python's str sees them: lower case, words (\w), white space. The SQuAD
// normalisation is defined in Python, and published numbers come from there. Private to the data
// module.
#pragma once

#include <string>
#include <string_view>

namespace factsweep {

/// The lower-cased characters of UTF-8 text; malformed bytes become U+FFFD. Each character is
/// mapped by itself, so the result for a text begins with the result for its prefix; hence both
/// forms of the Greek small sigma become one.
std::u32string lower_case(std::string_view text);

bool is_word(char32_t c);               // letters and numbers
bool is_space(char32_t c);              // Unicode white space
bool is_ascii_punctuation(char32_t c);  // string.punctuation

}  // namespace factsweep
