// One record of a task file, and where it is. Private to the tasks module.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/records.hpp"

namespace factsweep::tasks {

class Record {
 public:
  /// `named`: keys that the user has said what the file calls (ReadTasksSettings::columns).
  Record(const nlohmann::json& value, std::string where,
         const std::map<std::string, std::string>* named = nullptr);

  bool has(const char* key) const { return value_.contains(key); }
  bool has_all(std::initializer_list<const char*> keys) const;
  /// InputError unless it is a string.
  const std::string& text(const char* key) const;
  /// text(), or a number or a truth value as it stands; nothing where the key is missing.
  std::string text_or_empty(const char* key) const;
  /// text() without white space at its ends; a number or a truth value as it stands. InputError
  /// where nothing is left.
  std::string filled(const char* key) const;
  /// A number, a string that is one (whole_number()), or a list of one of these, or of several that
  /// are the same. InputError.
  double number(const char* key) const;
  /// The same as a gold answer: in digits without an exponent, or a fraction as it stands.
  std::string gold_number(const char* key) const;
  bool is_number(const char* key) const { return !parse_number(key).empty(); }
  const nlohmann::json& list(const char* key) const;
  /// A list of strings. InputError.
  std::vector<std::string> texts(const char* key) const;
  bool is_object(const char* key) const { return has(key) && at(key).is_object(); }
  /// The object at `key`, as a record that lives no longer than this one. InputError.
  Record inside(const char* key) const;
  /// InputError where the key is missing.
  const nlohmann::json& at(const char* key) const;
  /// Of several keys for one thing the one that the user has named; else the first that says
  /// something, else one that is there, or the first.
  const char* first_of(std::initializer_list<const char*> keys) const;

  /// The keys whose values were asked for.
  const std::set<std::string, std::less<>>& read_keys() const { return read_; }

  const std::string& where() const { return where_; }
  /// Throws RecordError: where, then `what`, of which this record's own part follows ": ".
  [[noreturn]] void fail(std::string_view what) const;

 private:
  std::string parse_number(const char* key) const;
  const nlohmann::json& value_;
  const std::string where_;
  const std::map<std::string, std::string>* named_;
  mutable std::set<std::string, std::less<>> read_;
};

/// What the records of a file call their values.
struct FileKeys {
  std::set<std::string> all;    // of the first hundred
  std::set<std::string> named;  // of all: those among RecordFile::columns
  std::int64_t records = 0;
};

/// What a file of tasks is read as, beyond data/records.hpp.
struct RecordFile {
  bool is_mmlu = false;                        // a table without a row of names, if it is one
  std::map<std::string, std::string> columns;  // by key: what the file calls it, each once
  std::function<bool(const Record&)> is_record;
  FileKeys& keys;  // filled before a record is visited
};

/// Visits every record of a file of records; of a CSV file in MMLU's form (question, choices,
/// answer, and the file's name without its split as subject); of a folder with a JSON object a
/// file, in the files' order (MATH's "2.json" before "10.json"). `.gz` is read transparently. Texts
/// are in NFC, and cells of lists are lists. InputError: none of these (a workbook, an archive), or
/// damaged.
void for_each_record(const std::filesystem::path& path, const RecordFile& file,
                     const std::function<void(const DataRecord&)>& visit);

std::string_view strip(std::string_view text);

}  // namespace factsweep::tasks
