// Whether bytes are text at all.
#pragma once

#include <string_view>

namespace factsweep::text {

/// Whether all of it is UTF-8: no part of a character, no surrogate, no overlong form.
bool is_valid_utf8(std::string_view text);

}  // namespace factsweep::text
