// One record of a task file, and where it is. Private to the tasks module.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace factsweep::tasks {

class Record {
 public:
  Record(const nlohmann::json& value, std::string where);

  bool has(const char* key) const { return value_.contains(key); }
  bool has_all(std::initializer_list<const char*> keys) const;
  /// InputError unless it is a string.
  const std::string& text(const char* key) const;
  /// text(), or nothing where the key is missing.
  std::string text_or_empty(const char* key) const;
  /// text() without white space at its ends. InputError where nothing is left.
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

  const std::string& where() const { return where_; }
  /// Throws InputError: where, then `what`.
  [[noreturn]] void fail(std::string_view what) const;

 private:
  std::string parse_number(const char* key) const;
  const nlohmann::json& value_;
  const std::string where_;
};

/// Visits every record of a JSON array, of JSON lines, or of one JSON object; of a CSV file in
/// MMLU's form (question, choices, answer, and the file's name without its split as subject); of a
/// folder with a JSON object a file, in the files' order (MATH's "2.json" before "10.json"). `.gz`
/// is read transparently. InputError: none of these, or damaged.
void for_each_record(const std::filesystem::path& path,
                     const std::function<void(const Record&)>& visit);

std::string_view strip(std::string_view text);

}  // namespace factsweep::tasks
