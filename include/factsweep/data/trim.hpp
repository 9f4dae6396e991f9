// White space at the ends of what a data file or a model says.
#pragma once

#include <string>
#include <string_view>

namespace factsweep {

/// Without white space at either end, as Python's str.strip() gives it: Unicode's, the no-break
/// space (U+00A0) and the ideographic one (U+3000) among it. A part of `text`.
std::string_view trimmed(std::string_view text);

/// What an answer says, to be read: its first line without white space at either end, each byte
/// that is no UTF-8 replaced by U+FFFD.
std::string readable_answer(std::string_view text);

}  // namespace factsweep
