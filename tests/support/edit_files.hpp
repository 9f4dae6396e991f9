// What is common to the tests of edits: a file of one's own, and records to change.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/data/edits.hpp"

namespace factsweep::test {

using nlohmann::json;

/// A file of one's own, gone at the end of the test.
class EditsFile {
 public:
  explicit EditsFile(const std::string& content, const std::string& ending = ".json")
      : path_(std::filesystem::temp_directory_path() /
              ("factsweep_edits_" + std::to_string(::getpid()) + ending)) {
    write_file(path_, content);
  }
  ~EditsFile() { std::filesystem::remove(path_); }
  EditsFile(const EditsFile&) = delete;
  EditsFile& operator=(const EditsFile&) = delete;
  EditFile read(const EditSettings& settings = {}) const { return read_edits(path_, settings); }
  /// Without the file's name.
  std::string message(const EditSettings& settings = {}) const {
    try {
      read(settings);
    } catch (const InputError& error) {
      const std::string text = error.what();
      REQUIRE(text.starts_with(path_.string()));
      return text.substr(path_.string().size());
    }
    return "no error";
  }

 private:
  std::filesystem::path path_;
};

inline json easyedit(const std::string& old_answer, const std::string& new_answer) {
  return {{"case_id", 7},
          {"subject", "Ann"},
          {"prompt", "Ann speaks"},
          {"ground_truth", old_answer},
          {"target_new", new_answer},
          {"rephrase_prompt", "The tongue of Ann is"},
          {"locality_prompt", "Bob speaks"},
          {"locality_ground_truth", "Dutch"}};
}

inline json zsre(const std::string& alt) {
  return {{"subject", "Ann"},
          {"src", "Where is Ann from?"},
          {"pred", "Rome"},
          {"rephrase", "Ann's town?"},
          {"alt", alt},
          {"answers", {"Oslo"}},
          {"loc", "nq question: who wrote it"},
          {"loc_ans", "Ida"},
          {"cond", "Oslo >> Bonn"}};
}

inline std::string lines(const std::vector<json>& records) {
  std::string text;
  for (const json& record : records) text += record.dump() + "\n";
  return text;
}

/// By the reason.
inline std::map<std::string, std::int64_t> numbers(const RecordCounts& counts) {
  std::map<std::string, std::int64_t> found;
  for (const auto& [why, reason] : counts.reasons()) found[why] = reason.records;
  return found;
}

}  // namespace factsweep::test
