#include "factsweep/core/error.hpp"

#include <fmt/format.h>

namespace factsweep {

void require(bool condition, std::string_view what, std::source_location where) {
  if (condition) return;
  throw BugError(fmt::format("bug: {} ({}:{}). Please report it with the deck.", what,
                             where.file_name(), where.line()));
}

}  // namespace factsweep
