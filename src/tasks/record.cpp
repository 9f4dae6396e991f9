#include "record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <tuple>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/data/csv.hpp"
#include "factsweep/data/record_counts.hpp"
#include "factsweep/data/trim.hpp"
#include "factsweep/tasks/answer.hpp"

namespace factsweep::tasks {

std::string_view strip(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

Record::Record(const nlohmann::json& value, std::string where,
               const std::map<std::string, std::string>* named)
    : value_(value), where_(std::move(where)), named_(named) {
  if (!value_.is_object()) fail("is no JSON object {\"key\" ...}");
}

bool Record::has_all(std::initializer_list<const char*> keys) const {
  return std::all_of(keys.begin(), keys.end(), [this](const char* key) { return has(key); });
}

const nlohmann::json& Record::at(const char* key) const {
  const auto found = value_.find(key);
  if (found == value_.end()) fail(fmt::format("has no '{}'", key));
  if (!read_.contains(key)) read_.emplace(key);
  return *found;
}

const char* Record::first_of(std::initializer_list<const char*> keys) const {
  const auto is_named = [this](const char* key) {
    return named_ != nullptr && named_->contains(key);
  };
  const auto says_something = [this](const char* key) {
    if (!has(key) || value_.at(key).is_null()) return false;
    return !value_.at(key).is_string() ||
           !strip(value_.at(key).get_ref<const std::string&>()).empty();
  };
  const auto is_there = [this](const char* key) { return has(key); };
  const char* const* found = std::find_if(keys.begin(), keys.end(), is_named);
  if (found == keys.end()) found = std::find_if(keys.begin(), keys.end(), says_something);
  if (found == keys.end()) found = std::find_if(keys.begin(), keys.end(), is_there);
  return found == keys.end() ? *keys.begin() : *found;
}

const std::string& Record::text(const char* key) const {
  const nlohmann::json& value = at(key);
  if (!value.is_string()) fail(fmt::format("has no text in '{}'", key));
  return value.get_ref<const std::string&>();
}

namespace {

/// A number or a truth value whose text is known. JSON's reader has rounded an integer of more than
/// 64 bits.
bool is_plain_value(const nlohmann::json& value) {
  constexpr double kExact = 1LL << 53;
  if (value.is_number_float()) return std::abs(value.get<double>()) < kExact;
  return value.is_number() || value.is_boolean();
}

}  // namespace

std::string Record::text_or_empty(const char* key) const {
  if (!has(key) || at(key).is_null()) return {};
  return is_plain_value(at(key)) ? at(key).dump() : text(key);
}

std::string Record::filled(const char* key) const {
  const nlohmann::json& value = at(key);
  if (is_plain_value(value)) return value.dump();  // a year
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
    fail(fmt::format("has in '{}' what is not one number: {}", key,
                     at(key).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  return number;
}

double Record::number(const char* key) const {
  return number_value(gold_number(key));
}

const nlohmann::json& Record::list(const char* key) const {
  const nlohmann::json& value = at(key);
  if (!value.is_array()) fail(fmt::format("has no list in '{}'", key));
  if (value.empty()) fail(fmt::format("has an empty list in '{}'", key));
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
  throw RecordError(where_, fmt::format("the record {}", what));
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

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_letter(std::string_view field) {
  return field.size() == 1 && std::isupper(static_cast<unsigned char>(field.front())) != 0;
}

constexpr std::size_t kMmluColumns = 6;

/// MMLU's files have no line of headings; copies of them may.
bool has_headings(const std::vector<std::string>& first) {
  return lower(first.back()) == "answer";
}

/// Whether a table is MMLU's: six columns, of which the last is a letter.
bool looks_like_mmlu(std::string_view text, const std::string& file) {
  std::vector<std::vector<std::string>> rows;  // the first two
  struct Enough {};
  try {
    for_each_csv_row(
        text, file, ',',
        [&](const std::vector<std::string>& row, std::int64_t) {
          rows.push_back(row);
          if (rows.size() == 2) throw Enough();
        },
        [](std::int64_t, const std::string&) {});
  } catch (const Enough&) {
  }
  if (rows.empty() || rows.front().size() != kMmluColumns) return false;
  if (!has_headings(rows.front())) return is_letter(rows.front().back());
  return rows.size() == 2 && is_letter(rows.back().back());
}

void visit_mmlu_rows(std::string_view text, const std::string& file,
                     const std::function<void(const DataRecord&)>& visit) {
  bool first = true;
  const auto bad = [&](std::int64_t line, const std::string& fault) {
    visit({nullptr, fmt::format("{}:{}", file, line), fault});
  };
  for_each_csv_row(
      text, file, ',',
      [&](const std::vector<std::string>& row, std::int64_t line) {
        if (std::exchange(first, false) && has_headings(row)) return;
        if (row.size() != kMmluColumns)
          return bad(line, fmt::format("has {} columns. A CSV file of MMLU has a question, four "
                                       "options and the right one's letter in each row",
                                       row.size()));
        const nlohmann::json value = {
            {"question", row.front()},
            {"choices", std::vector<std::string>(row.begin() + 1, row.end() - 1)},
            {"answer", row.back()},
            {"subject", subject_of(file)}};
        visit({value, fmt::format("{}:{}", file, line), {}});
      },
      bad);
}

/// Keys whose values are lists or objects: JSON in a cell of a table.
constexpr const char* kLists[] = {"choices",   "options",       "instances",
                                  "test_list", "conversations", "messages",
                                  "mc1_targets"};

void unpack(nlohmann::json& record, const char* key) {
  const auto cell = record.find(key);
  if (cell == record.end() || !cell->is_string()) return;
  nlohmann::json inside =
      nlohmann::json::parse(cell->get_ref<const std::string&>(), nullptr, /*allow_exceptions=*/false);
  if (inside.is_structured()) *cell = std::move(inside);
}

/// Takes white space that is not ASCII's off the ends of all texts: a form does so with the rest
/// where it may.
void trim(nlohmann::json& value) {
  if (value.is_structured()) {
    for (nlohmann::json& part : value) trim(part);
  } else if (value.is_string()) {
    std::string& text = value.get_ref<std::string&>();
    const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (!text.empty() && !(is_ascii(text.front()) && is_ascii(text.back())))
      text = std::string(trimmed(text));
  }
}

/// InputError: a workbook, a Parquet file or an archive, which hold no text.
void refuse_binary(const std::string& file) {
  std::string begin(4, '\0');
  std::ifstream(file, std::ios::binary).read(begin.data(), 4);
  const auto refuse = [&](std::string_view what, std::string_view advice) {
    throw InputError(fmt::format("{}: is {}, which is not read. {}.", file, what, advice));
  };
  if (begin == "PAR1")
    refuse("a Parquet file",
           "Write JSON lines of it: pandas.read_parquet(FILE).to_json(\"FILE.jsonl\", "
           "orient=\"records\", lines=True)");
  if (begin != "PK\x03\x04") return;
  if (file.ends_with(".xlsx") || file.ends_with(".ods"))
    refuse("a spreadsheet's workbook", "Save its sheet as CSV in UTF-8");
  refuse("a ZIP archive", "Unpack it, and name the file inside");
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

void for_each_record(const std::filesystem::path& path, const RecordFile& file,
                     const std::function<void(const DataRecord&)>& visit) {
  const std::string found = find_file(path).string();
  if (!fs::is_directory(found)) refuse_binary(found);
  const bool is_table = names_table(path);
  const auto prepare = [&](nlohmann::json& value) {
    trim(value);
    if (!value.is_object()) return;
    // all are taken before any is put: two may change places
    std::map<std::string, nlohmann::json> moved;
    for (const auto& [key, column] : file.columns) {
      const auto there = value.find(column);
      if (there != value.end()) moved[key] = std::move(*there);
    }
    for (const auto& [key, column] : file.columns) {
      value.erase(column);
      value.erase(key);
    }
    for (auto& [key, content] : moved) value[key] = std::move(content);
    for (nlohmann::json& cell : value) {
      if (is_table && cell.is_string() && is_nothing(strip(cell.get_ref<const std::string&>())))
        cell = "";
    }
    for (const char* key : kLists) unpack(value, key);
  };
  const auto look = [&](const nlohmann::json& value) {
    constexpr std::int64_t kFirst = 100;
    if (!value.is_object()) return;
    for (const auto& [key, column] : file.columns) {
      if (value.contains(column)) file.keys.named.insert(column);
    }
    if (++file.keys.records > kFirst) return;
    for (const auto& item : value.items()) file.keys.all.insert(item.key());
  };
  const auto take = [&](DataRecord record) {
    compose(record.value);
    look(record.value);
    prepare(record.value);
    visit(record);
  };
  if (fs::is_directory(found)) {
    for (const fs::path& one : json_files(found)) {
      DataRecord record{nullptr, one.string(), {}};
      try {
        record.value = read_json(one);
      } catch (const InputError&) {
        record.fault = "is not valid JSON";
      }
      take(std::move(record));
    }
    return;
  }
  if (is_table && separator_of(path, read_data_text(found)) == ',' && file.columns.empty()) {
    const std::string text = read_data_text(found);
    if (file.is_mmlu || looks_like_mmlu(text, found)) return visit_mmlu_rows(text, found, take);
  }
  const auto is_record = [&](const nlohmann::json& value) {
    nlohmann::json copy = value;
    compose(copy);
    prepare(copy);
    return file.is_record(Record(copy, found));
  };
  for_each_data_record(path, is_record, take);
}

}  // namespace factsweep::tasks
