// From deck text and command line to assignments: key, value as written, and where it is.
// Boost.Program_options parses the command line; what it cannot say (duplicates, the nearest key) is
// added here. Private to the deck module.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/deck/option.hpp"

namespace factsweep {

struct Assignment {
  std::string key;
  std::string raw;
  std::string where;  // "inputs/a.ini:14" or "command line"
};

enum class Others { refused, skipped };  // keys that the table does not have

/// InputError: malformed line, unknown key where others are refused, key set twice.
std::vector<Assignment> read_deck_text(const OptionTable& table, std::string_view text,
                                       std::string_view name, Others others);
std::vector<Assignment> read_overrides(const OptionTable& table,
                                       std::span<const std::string> overrides, Others others);

}  // namespace factsweep
