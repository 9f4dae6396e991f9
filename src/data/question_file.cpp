#include "question_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/data/records.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

bool is_filled_text(const nlohmann::json& value) {
  return value.is_string() &&
         value.get_ref<const std::string&>().find_first_not_of(" \t\r\n") != std::string::npos;
}

/// What is wrong with a record; empty when nothing is.
std::string fault(const nlohmann::json& record) {
  if (!record.is_object()) return "is not an object {\"question\": ..., \"answers\": [...]}";
  const auto question = record.find("question");
  if (question == record.end()) return "has no 'question'";
  if (!is_filled_text(*question)) return "has a 'question' that is not a text";
  const auto answers = record.find("answers");
  if (answers == record.end()) return "has no 'answers'";
  if (!answers->is_array() || answers->empty()) return "has no list of 'answers'";
  if (!std::all_of(answers->begin(), answers->end(), is_filled_text))
    return "has an answer that is not a text";
  const bool broken =
      std::any_of(answers->begin(), answers->end(), [](const nlohmann::json& answer) {
        return answer.get_ref<const std::string&>().find('\n') != std::string::npos;
      });
  return broken ? "has an answer with a line break, where decoded answers end" : "";
}

/// ["X", "X"] is one answer.
std::vector<std::string> distinct(const std::vector<std::string>& answers) {
  std::vector<std::string> found;
  for (const std::string& answer : answers) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const std::string& earlier) {
      return without_blanks(earlier) == without_blanks(answer);
    });
    if (!known) found.push_back(answer);
  }
  return found;
}

std::string file_ending(Split split) {
  return fmt::format(".{}.json", name(split));
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

fs::path question_path(const fs::path& directory, Split split, std::string_view relation) {
  return directory / name(split) / fmt::format("{}{}", relation, file_ending(split));
}

std::vector<QuestionRecord> read_question_file(const fs::path& path) {
  std::vector<QuestionRecord> records;
  const auto is_record = [](const nlohmann::json& value) { return value.contains("question"); };
  for_each_data_record(path, is_record, [&](const DataRecord& record) {
    const std::string what = record.fault.empty() ? fault(record.value) : record.fault;
    if (!what.empty()) throw InputError(fmt::format("{} {}.", record.where, what));
    records.push_back({record.value["question"], distinct(record.value["answers"])});
  });
  return records;
}

std::vector<std::string> relations_of(const fs::path& directory, Split split) {
  const fs::path folder = directory / name(split);
  std::error_code failure;
  const fs::directory_iterator entries(folder, failure);
  if (failure) {
    throw InputError(fmt::format(
        "{}: cannot be read ({}). An EntityQuestions directory has train, dev and test.",
        folder.string(), failure.message()));
  }
  std::set<std::string> relations;  // a file and its .gz are one relation
  for (const fs::directory_entry& entry : entries) {
    std::string file = entry.path().filename().string();
    if (file.ends_with(".gz")) file.resize(file.size() - 3);
    const std::string ending = file_ending(split);
    if (file.size() > ending.size() && file.ends_with(ending))
      relations.insert(file.substr(0, file.size() - ending.size()));
  }
  return {relations.begin(), relations.end()};
}

}  // namespace factsweep
