// How unlike two words are: for "Did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace factsweep {

/// Levenshtein distance between two words, in bytes.
std::size_t edit_distance(std::string_view from, std::string_view to);

}  // namespace factsweep
