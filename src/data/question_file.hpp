// One file of an EntityQuestions directory: records {"question": ..., "answers": [...]}, as records.hpp
// reads them.
// Private to the data module.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/question.hpp"

namespace factsweep {

struct QuestionRecord {
  std::string question;
  std::vector<std::string> answers;  // at least one, none empty, no two alike but for their ends
};

/// The text without ASCII white space at its ends.
std::string_view without_blanks(std::string_view text);

/// `directory`/train/P17.train.json (without .gz, which is optional).
std::filesystem::path question_path(const std::filesystem::path& directory, Split split,
                                    std::string_view relation);

/// InputError: missing file; file and line of bad JSON; file, record number and line of a record
/// that breaks the form.
std::vector<QuestionRecord> read_question_file(const std::filesystem::path& path);

/// The relations X for which `directory`/<split>/X.<split>.json[.gz] exists, sorted. InputError: no
/// such folder.
std::vector<std::string> relations_of(const std::filesystem::path& directory, Split split);

}  // namespace factsweep
