// White space at the ends of what a data file says.
#pragma once

#include <string_view>

namespace factsweep {

/// Without white space at either end, as Python's str.strip() gives it: Unicode's, the no-break
/// space (U+00A0) and the ideographic one (U+3000) among it. A part of `text`.
std::string_view trimmed(std::string_view text);

}  // namespace factsweep
