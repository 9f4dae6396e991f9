// Texts as a data file or a model says them: the white space at their ends, and their normal form.
#pragma once

#include <string>
#include <string_view>

namespace factsweep {

/// Without white space at either end, as Python's str.strip() gives it: Unicode's, the no-break
/// space (U+00A0) and the ideographic one (U+3000) among it. A part of `text`.
std::string_view trimmed(std::string_view text);

/// The text in NFC, in which a letter with its marks is one character where there is one. The text
/// as it is where bytes of it are no UTF-8.
std::string nfc(std::string_view text);

/// What an answer says, to be read: its first line without white space at either end, each byte
/// that is no UTF-8 replaced by U+FFFD.
std::string readable_answer(std::string_view text);

}  // namespace factsweep
