// Files of labelled tasks, as their makers publish them (docs/tasks.md lists the forms).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "factsweep/tasks/task.hpp"

namespace factsweep {

struct ReadTasksSettings {
  std::string form = "auto";  // one of task_forms(); auto: told by the keys of the first record
  /// A part of a file: of T0 one data set ("ag_news"), of MBPP one split ("prompt", "test",
  /// "validation", "train"), of MMLU one subject, of MATH one type ("Algebra"). Empty: all.
  std::string part;
  /// Multiple choice asked as OpenCompass does ("Question: ...\nA. ...\nB. ...\nAnswer:") and
  /// answered by a letter, where the file asks for names ("answer1"). Other multiple choice is not
  /// changed.
  bool letters = false;
  std::int64_t options = 0;  // only records with this many options; 0: all
  /// What the file calls a key of its form, by that key: {"instruction", "frage"}.
  std::map<std::string, std::string> columns = {};
  double bad_records = kBadRecords;
  bool may_name_columns = true;  // whoever names the file can say `columns`; for messages
};

/// The names of all forms.
std::vector<std::string> task_forms();

/// A file of records (data/records.hpp), of MMLU CSV without a row of names, too, of MATH a folder
/// with a JSON object a file. Most of the first records tell the form. A T0 file holds one set a
/// data set, one of MMLU one a subject, others hold one, named like the file (up to its first dot;
/// LLM-Adapters' "train.json" and "test.json" like their folder). Records of T0 without a
/// completion are left out, and those with another number of options than asked for. Bad ones are,
/// too, and counted in TaskSet::bad: a key missing or of another type, an empty output or option,
/// an answer that is none of the options, options that are all the same. InputError with file and
/// line: a file that cannot be read, more bad records than `bad_records`, no example at all, a form
/// or part that does not exist, PIQA without labels, `letters` of a form without options, a column
/// that no record has or that is named twice, MMLU's answers counted from 1.
std::vector<TaskSet> read_task_sets(const std::filesystem::path& path,
                                    const ReadTasksSettings& settings = {});

/// The one set of a file. InputError as above, and when it holds several: `part` must choose.
TaskSet read_task_set(const std::filesystem::path& path, const ReadTasksSettings& settings = {});

}  // namespace factsweep
