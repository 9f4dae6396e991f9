#include "question_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

/// The line where record `index` of a top-level array begins. The parser keeps no positions, so the
/// text is walked again: brackets outside of strings tell the depth. Only called for a message, on
/// JSON that parsed.
std::size_t line_of_record(std::string_view text, std::size_t index) {
  std::size_t line = 1;
  std::size_t commas = 0;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (depth == 1 && commas == index && !space && c != ',') break;
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (c == ',' && depth == 1) ++commas;
  }
  return line;
}

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
  const nlohmann::json content = read_json(path);
  const std::string found = find_file(path).string();
  if (!content.is_array()) throw InputError(fmt::format("{}: is not a list of questions.", found));
  std::vector<QuestionRecord> records;
  records.reserve(content.size());
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string what = fault(content[i]);
    if (!what.empty()) {
      throw InputError(fmt::format("{}:{}: record {} {}.", found,
                                   line_of_record(read_file(path), i), i + 1, what));
    }
    records.push_back({content[i]["question"], distinct(content[i]["answers"])});
  }
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
