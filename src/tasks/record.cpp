#include "record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <tuple>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/csv.hpp"
#include "factsweep/tasks/answer.hpp"

namespace factsweep::tasks {

std::string_view strip(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Record::Record(const nlohmann::json& value, std::string where)
    : value_(value), where_(std::move(where)) {
  if (!value_.is_object()) fail("is no JSON object {\"key\": ...}");
}

bool Record::has_all(std::initializer_list<const char*> keys) const {
  return std::all_of(keys.begin(), keys.end(), [this](const char* key) { return has(key); });
}

const nlohmann::json& Record::at(const char* key) const {
  const auto found = value_.find(key);
  if (found == value_.end()) fail(fmt::format("has no '{}'", key));
  return *found;
}

const std::string& Record::text(const char* key) const {
  const nlohmann::json& value = at(key);
  if (!value.is_string()) fail(fmt::format("has a '{}' that is not a text", key));
  return value.get_ref<const std::string&>();
}

std::string Record::text_or_empty(const char* key) const {
  return has(key) ? text(key) : std::string();
}

std::string Record::filled(const char* key) const {
  std::string stripped(strip(text(key)));
  if (stripped.empty()) fail(fmt::format("has an empty '{}'", key));
  return stripped;
}

namespace {

/// In digits, as short as tells the value; empty: it is not finite.
std::string plain(double value) {
  if (!std::isfinite(value)) return {};
  std::array<char, 400> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), value, std::chars_format::fixed).ptr;
  return {digits.begin(), end};
}

/// Empty: it is no number.
std::string number_in(const nlohmann::json& value) {
  if (value.is_number()) return plain(value.get<double>());
  if (!value.is_string()) return {};
  const std::string_view text = strip(value.get_ref<const std::string&>());
  double spelt = 0;  // "7.5e3", too
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), spelt);
  if (error == std::errc() && end == text.data() + text.size()) return plain(spelt);
  std::string number = whole_number(text);
  return number.find('/') == std::string::npos && !number.empty() ? plain(number_value(number))
                                                                  : number;
}

}  // namespace

std::string Record::parse_number(const char* key) const {
  const nlohmann::json& value = at(key);
  if (!value.is_array()) return number_in(value);
  const bool are_same =
      !value.empty() && std::all_of(value.begin(), value.end(),
                                    [&](const nlohmann::json& one) { return one == value[0]; });
  return are_same ? number_in(value[0]) : std::string();
}

std::string Record::gold_number(const char* key) const {
  std::string number = parse_number(key);
  if (number.empty())
    fail(fmt::format("has a '{}' that is not one number: {}", key,
                     at(key).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  return number;
}

double Record::number(const char* key) const {
  return number_value(gold_number(key));
}

const nlohmann::json& Record::list(const char* key) const {
  const nlohmann::json& value = at(key);
  if (!value.is_array() || value.empty()) fail(fmt::format("has no list in '{}'", key));
  return value;
}

std::vector<std::string> Record::texts(const char* key) const {
  std::vector<std::string> texts;
  for (const nlohmann::json& text : list(key)) {
    if (!text.is_string()) fail(fmt::format("has a value in '{}' that is not a text", key));
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Record Record::inside(const char* key) const {
  return {at(key), fmt::format("{}, in '{}'", where_, key)};
}

void Record::fail(std::string_view what) const {
  throw InputError(fmt::format("{}: the record {}.", where_, what));
}

namespace {

namespace fs = std::filesystem;

/// "high_school_physics" of "high_school_physics_test.csv".
std::string subject_of(const std::string& file) {
  std::string name = fs::path(file).filename().string();
  name.resize(name.find(".csv"));
  for (const std::string_view split : {"_test", "_dev", "_val"}) {
    if (name.ends_with(split)) return name.substr(0, name.size() - split.size());
  }
  return name;
}

/// MMLU's files have no line of headings; copies of them may.
void visit_mmlu_rows(std::string_view text, const std::string& file,
                     const std::function<void(const Record&)>& visit) {
  const auto is_heading = [](std::string last) {
    std::transform(last.begin(), last.end(), last.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return last == "answer";
  };
  bool first = true;
  for_each_csv_row(text, file, ',', [&](const std::vector<std::string>& row, std::int64_t line) {
    constexpr std::size_t kColumns = 6;
    if (row.size() != kColumns)
      throw InputError(
          fmt::format("{}:{}: has {} columns. A CSV file of a task is MMLU's: a question, four "
                      "options and the right one's letter in each row.",
                      file, line, row.size()));
    if (std::exchange(first, false) && is_heading(row.back())) return;
    const nlohmann::json value = {
        {"question", row.front()},
        {"choices", std::vector<std::string>(row.begin() + 1, row.end() - 1)},
        {"answer", row.back()},
        {"subject", subject_of(file)}};
    visit(Record(value, fmt::format("{}:{}", file, line)));
  });
}

/// All files of objects below a folder.
std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && (name.ends_with(".json") || name.ends_with(".json.gz")))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const std::string one = a.filename().string(), other = b.filename().string();
    return std::tuple(a.parent_path(), one.size(), one) <
           std::tuple(b.parent_path(), other.size(), other);
  });
  if (files.empty())
    throw InputError(fmt::format("{}: is a folder without a .json file.", folder.string()));
  return files;
}

}  // namespace

void for_each_record(const std::filesystem::path& path,
                     const std::function<void(const Record&)>& visit) {
  const std::string found = find_file(path).string();
  if (fs::is_directory(found)) {
    for (const fs::path& file : json_files(found)) visit(Record(read_json(file), file.string()));
    return;
  }
  const std::string whole = read_file(found);
  const std::string_view text = without_byte_order_mark(whole);
  if (found.ends_with(".csv") || found.ends_with(".csv.gz")) {
    visit_mmlu_rows(text, found, visit);
    return;
  }
  if (strip(text).starts_with('[')) {
    const nlohmann::json content = read_json(found);
    for (std::size_t i = 0; i < content.size(); ++i)
      visit(Record(content[i], fmt::format("{}: record {}", found, i + 1)));
    return;
  }
  const nlohmann::json one = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (one.is_object()) {
    visit(Record(one, fmt::format("{}:1", found)));
    return;
  }
  for_each_json_line(text, found, [&](const nlohmann::json& value, std::int64_t line) {
    visit(Record(value, fmt::format("{}:{}", found, line)));
  });
}

}  // namespace factsweep::tasks
