#include "factsweep/core/error.hpp"

#include <fmt/format.h>

#include <new>

namespace factsweep {

ExitCode exit_code(const std::exception& error) {
  if (dynamic_cast<const InputError*>(&error) != nullptr) return ExitCode::input;
  const bool machine = dynamic_cast<const EnvironmentError*>(&error) != nullptr ||
                       dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return machine ? ExitCode::environment : ExitCode::bug;
}

void require(bool condition, std::string_view what, std::source_location where) {
  if (condition) return;
  throw BugError(fmt::format("bug: {} ({}:{}). Please report it with the deck.", what,
                             where.file_name(), where.line()));
}

}  // namespace factsweep
