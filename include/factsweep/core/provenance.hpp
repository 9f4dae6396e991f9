// What produced a result: code version, libraries, machine, time.
#pragma once

#include <string>

namespace factsweep {

std::string code_version();  // "0.1.0"
std::string
git_revision();         // full sha, "+" appended when the tree had changes, "unknown" outside git
std::string utc_now();  // "2026-01-31T12:00:00Z"
std::string host_name();

}  // namespace factsweep
