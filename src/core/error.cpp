#include "factsweep/core/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace factsweep {

ExitCode exit_code(const std::exception& error) {
  if (dynamic_cast<const InputError*>(&error) != nullptr) return ExitCode::input;
  const bool machine = dynamic_cast<const EnvironmentError*>(&error) != nullptr ||
                       dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  return machine ? ExitCode::environment : ExitCode::bug;
}

std::string explain_failed_write(int why) {
  const std::string reason = why == 0 ? "only a part was written" : std::strerror(why);
  switch (why) {
    case 0:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return fmt::format(
          "the disk or the quota is full ({}). Free space, or raise the quota or `ulimit -f`, and "
          "run the same command again.",
          reason);
    case EACCES:
    case EPERM:
    case EROFS:
      return fmt::format("{}. Name a folder that you may write to.", reason);
    case ENOENT:
      return fmt::format("{}. Make the folder first, or name another.", reason);
    default:
      return reason + ".";
  }
}

void require(bool condition, std::string_view what, std::source_location where) {
  if (condition) return;
  throw BugError(fmt::format("bug: {} ({}:{}). Please report it with the deck.", what,
                             where.file_name(), where.line()));
}

}  // namespace factsweep
