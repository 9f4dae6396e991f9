// What MPI's calls say of themselves.
#pragma once

#include <fmt/format.h>
#include <mpi.h>

#include <string_view>

#include "factsweep/core/error.hpp"

namespace factsweep {

/// EnvironmentError: the call did not succeed.
inline void check(int code, std::string_view attempted) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw EnvironmentError(
      fmt::format("MPI: cannot {}: {}.", attempted,
                  length > 0 ? std::string_view(text, length) : "unknown error"));
}

}  // namespace factsweep
