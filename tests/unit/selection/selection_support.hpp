// Brute-force answers of tests/parity/selection_reference.py.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "factsweep/core/error.hpp"

namespace factsweep::test {

inline nlohmann::json selection_cases(const std::string& which) {
  const char* source = std::getenv("FACTSWEEP_SOURCE");
  require(source != nullptr, "FACTSWEEP_SOURCE must name the repository's root");
  std::ifstream file(std::filesystem::path(source) / "tests/unit/selection/data/reference.json");
  return nlohmann::json::parse(file).at(which);
}

}  // namespace factsweep::test
