// Files and folders of real data, which are no part of the repository.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "skip.hpp"

namespace factsweep::test {

/// `name` in the folder of FACTSWEEP_DATA, or in shared/data beside the repository.
inline std::filesystem::path real_data(const std::string& name) {
  const char* data = std::getenv("FACTSWEEP_DATA");
  const char* source = std::getenv("FACTSWEEP_SOURCE");
  const std::filesystem::path root =
      data != nullptr ? std::filesystem::path(data)
                      : std::filesystem::path(source != nullptr ? source : ".") / "../shared/data";
  return root / name;
}

/// Whether the case can run; it is skipped where `path` is absent.
inline bool is_here(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) return true;
  skip("no " + path.string() + "; set FACTSWEEP_DATA to the data folder");
  return false;
}

}  // namespace factsweep::test
