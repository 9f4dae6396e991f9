// Records of labelled tasks.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace factsweep::test {

/// Questions "<name> 0", "<name> 1", ... with the answers "a0", "a1", ...
inline nlohmann::json task_records(const std::string& name, int count) {
  nlohmann::json list = nlohmann::json::array();
  for (int i = 0; i < count; ++i)
    list.push_back({{"instruction", name + " " + std::to_string(i)},
                    {"input", ""},
                    {"output", "a" + std::to_string(i)}});
  return list;
}

}  // namespace factsweep::test
