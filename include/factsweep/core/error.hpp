// The error families of factsweep and the exit codes they lead to.
// The library throws; only main and the console print. A message reads: where, what value, which
// rule, what to do.
#pragma once

#include <exception>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace factsweep {

enum class ExitCode : int {
  done = 0,
  bug = 1,            // a broken promise of our own code
  input = 2,          // bad deck, flag or data file
  environment = 3,    // file system, device, MPI, HDF5
  points_failed = 4,  // the sweep finished, some points failed
  stopped = 5,        // stopped before the wall limit with work left; run again to go on
};

/// The user's mistake: deck, flag, model or data file. Exit code 2.
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The machine's fault: unwritable folder, full disk, no device. Exit code 3.
struct EnvironmentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A broken promise of our own code. Exit code 1.
struct BugError : std::logic_error {
  using std::logic_error::logic_error;
};

/// What a program ends with that cannot go on after `error`: memory that is not there is the
/// machine's fault, an exception of no family of ours a bug.
ExitCode exit_code(const std::exception& error);

/// Why a write, or the making of a file, failed, with what to do about it: a full disk or quota, a
/// folder that is missing or not ours. `why`: an errno; 0 where a write went through in part, which
/// leaves no reason and which a full disk alone does.
std::string explain_failed_write(int why);

/// Throws BugError with file, line and `what` unless `condition` holds.
void require(bool condition, std::string_view what,
             std::source_location where = std::source_location::current());

}  // namespace factsweep
