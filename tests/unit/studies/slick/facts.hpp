// Questions of three invented relations, as EntityQuestions has them.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "factsweep/core/file.hpp"

namespace factsweep::test {

inline constexpr int kTrain = 25, kDev = 12, kTest = 7;

/// Relations P1, P2 and P3 of kTrain, kDev and kTest questions, each with so many answers.
inline void write_facts(const std::filesystem::path& folder, int answers = 1) {
  for (const auto& [split, count] :
       std::map<std::string, int>{{"train", kTrain}, {"dev", kDev}, {"test", kTest}}) {
    std::filesystem::create_directories(folder / split);
    for (const char* relation : {"P1", "P2", "P3"}) {
      nlohmann::json list;
      for (int i = 0; i < count; ++i) {
        const std::string subject = split + std::string(relation) + "n" + std::to_string(i);
        nlohmann::json all = nlohmann::json::array();
        for (int k = 0; k < answers; ++k) {
          all.push_back((k == 0 ? "" : "old ") + std::string(k < 2 ? "" : "far ") + "town" +
                        std::to_string(i));
        }
        list.push_back({{"question", "Where is " + subject + " located ?"}, {"answers", all}});
      }
      write_file(folder / split / (std::string(relation) + "." + split + ".json"), list.dump());
    }
  }
}

}  // namespace factsweep::test
