// Files of tasks that a test writes.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tiny_model.hpp"

namespace factsweep::test {

class TaskFiles {
 public:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

/// A record of LLM-Adapters.
inline const char* const kChoice =
    R"([{"instruction": "Please choose the correct answer to the question: Why: so?\n\nAnswer1: dry palms Answer2: wet: palms\n\nAnswer format: answer1/answer2", "input": "", "output": "the correct answer is answer2", "answer": "answer2"}])";

}  // namespace factsweep::test
