// A case that cannot run on this machine says so. Catch2 2.13 has no SKIP.
#pragma once

#include <string>

namespace factsweep::test {

/// What a program exits with when each of its cases that ran was skipped; ctest counts it
/// (SKIP_RETURN_CODE in tests/CMakeLists.txt).
constexpr int kSkipped = 77;

/// Ends a case with its reason: `return skip("needs two ranks");`. The program prints both.
void skip(const std::string& reason);

}  // namespace factsweep::test
