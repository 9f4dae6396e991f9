#include "factsweep/data/records.hpp"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/repeated_key.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/csv.hpp"
#include "factsweep/data/trim.hpp"
#include "json_columns.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;
using Visit = std::function<void(const DataRecord&)>;

constexpr const char* kNotUtf8 =
    "is not UTF-8 here. Convert the file, with `iconv -f CP1252 -t UTF-8`, say";
constexpr std::string_view kBlank = " \t\r\n";

bool is_utf8(std::string_view text) {
  const auto size = static_cast<int32_t>(text.size());
  UChar32 character = 0;
  for (int32_t next = 0; next < size && character >= 0;)
    U8_NEXT(text.data(), next, size, character);
  return character >= 0;
}

/// A text with null for the NaN that Python's json writes; empty: it has none.
std::string without_nan(std::string_view text) {
  constexpr std::string_view kNan = "NaN";
  std::string without;
  bool in_string = false;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && text.substr(i, kNan.size()) == kNan) {
      without.append(text.substr(copied, i - copied)).append("null");
      copied = i + kNan.size();
    }
  }
  return without.empty() ? without : without.append(text.substr(copied));
}

/// `line`: the text's first; `what`: what it is called after file and line, ": record 3".
DataRecord parsed(std::string_view text, const std::string& file, std::int64_t line,
                  const std::string& what = "") {
  const auto where = [&] { return fmt::format("{}:{}{}", file, line, what); };
  if (!is_utf8(text)) return {nullptr, where(), kNotUtf8};
  try {
    RepeatedKey repeated;
    json value = json::parse(text, std::ref(repeated));
    if (repeated.found().empty()) return {std::move(value), where(), {}};
    return {nullptr, where(), fmt::format("has a key twice: '{}'", excerpt(repeated.found()))};
  } catch (const json::exception& error) {
    const std::string nulls = without_nan(text);
    if (!nulls.empty()) {
      DataRecord record = parsed(nulls, file, line, what);
      if (record.fault.empty()) return record;
    }
    const JsonFault fault(error, text);
    line += fault.line - 1;
    return {nullptr, where(),
            fmt::format("is not valid JSON: column {}: {}", fault.column, excerpt(fault.reason))};
  }
}

/// A value of a list or of an object, and the line where it begins.
struct Item {
  std::string_view text;
  std::int64_t line = 1;
};

/// What the list or object that a text begins with holds, and what follows it.
struct Items {
  std::vector<Item> items;
  std::string_view rest;
};

/// Cuts at the commas between the outer brackets. Nothing: they are not closed, or not by their
/// own kind.
std::optional<Items> cut_items(std::string_view text, std::int64_t line) {
  Items found;
  std::string open;  // brackets
  bool in_string = false;
  std::size_t begin = std::string_view::npos;  // of the item
  std::int64_t begin_line = line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    const bool ends = open.size() == 1 && (c == ',' || c == ']' || c == '}');
    if (ends && begin != text.npos) {
      std::string_view item = text.substr(begin, i - begin);
      item = item.substr(0, item.find_last_not_of(kBlank) + 1);
      found.items.push_back({item, begin_line});
      begin = text.npos;
    }
    if (open.size() == 1 && !ends && begin == text.npos && kBlank.find(c) == kBlank.npos) {
      begin = i;
      begin_line = line;
    }
    if (c == '"') in_string = true;
    if (c == '[' || c == '{') open += c;
    if (c != ']' && c != '}') continue;
    if (open.empty() || open.back() != (c == ']' ? '[' : '{')) return std::nullopt;
    open.pop_back();
    if (!open.empty()) continue;
    found.rest = text.substr(i + 1);
    return found;
  }
  return std::nullopt;
}

/// The value of `"key": value`.
Item value_of(Item item) {
  std::size_t end = 1;
  while (end < item.text.size() && item.text[end] != '"') end += item.text[end] == '\\' ? 2 : 1;
  const std::size_t colon = std::min(item.text.find(':', end), item.text.size() - 1);
  item.text.remove_prefix(colon + 1);
  const std::size_t begin = std::min(item.text.find_first_not_of(kBlank), item.text.size());
  item.line += std::count(item.text.begin(),
                          item.text.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
  item.text.remove_prefix(begin);
  return item;
}

class JsonReader {
 public:
  JsonReader(std::string file, std::string_view text, const Visit& visit)
      : file_(std::move(file)), text_(text), visit_(visit) {}

  void read(const std::function<bool(const json&)>& is_record) {
    const std::size_t begin = text_.find_first_not_of(kBlank);
    if (begin == text_.npos) return;
    if (text_[begin] != '[' && text_[begin] != '{') refuse(text_.substr(begin));
    const std::int64_t line = 1 + std::count(text_.begin(), text_.begin() +
                                                 static_cast<std::ptrdiff_t>(begin), '\n');
    const std::optional<Items> items = cut_items(text_.substr(begin), line);
    const bool alone = items && items->rest.find_first_not_of(kBlank) == text_.npos;
    if (text_[begin] == '[') {
      if (!alone) read_json(file_);  // says where
      if (!alone) throw InputError(file_ + ": is no list of records.");
      visit_items(items->items);
    } else if (alone) {
      read_object(items->items, {text_.substr(begin), line}, is_record);
    } else {
      read_lines();
    }
  }

 private:
  void visit_items(const std::vector<Item>& items) {
    std::int64_t number = 0;
    for (const Item& item : items)
      visit_(parsed(item.text, file_, item.line, fmt::format(": record {}", ++number)));
  }

  /// One record, or many.
  void read_object(const std::vector<Item>& items, const Item& whole,
                   const std::function<bool(const json&)>& is_record) {
    const DataRecord one = parsed(whole.text, file_, whole.line);
    const bool are_keys_of_record = one.fault.empty() && is_record(one.value);
    if (is_of_columns(one.value, are_keys_of_record))
      throw InputError(fmt::format(
          "{}: holds columns, not records, as pandas' to_json and to_dict write a table. Write "
          "records: to_json(FILE, orient=\"records\", lines=True).",
          file_));
    std::vector<Item> values, lists;
    for (const Item& item : items) values.push_back(value_of(item));
    const auto begins = [](char bracket) {
      return [=](const Item& item) { return item.text.starts_with(bracket); };
    };
    std::copy_if(values.begin(), values.end(), std::back_inserter(lists), begins('['));
    const bool many = !items.empty() && std::all_of(values.begin(), values.end(), begins('{'));
    if (are_keys_of_record) return visit_(one);
    if (many) return visit_items(values);
    if (lists.size() == 1) {
      const std::optional<Items> inside = cut_items(lists.front().text, lists.front().line);
      const bool has_records = inside && !inside->items.empty() &&
                               std::all_of(inside->items.begin(), inside->items.end(), begins('{'));
      if (has_records) return visit_items(inside->items);
    }
    visit_(one);
  }

  void read_lines() {
    std::int64_t number = 0;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      const std::string_view line = text_.substr(begin, end - begin);
      begin = end + 1;
      ++number;
      if (line.find_first_not_of(kBlank) == line.npos) continue;
      visit_(parsed(line, file_, number));
    }
  }

  [[noreturn]] void refuse(std::string_view text) const {
    const std::string_view first = text.substr(0, text.find_first_of("\r\n"));
    for (const auto& [separator, ending] : {std::pair{'\t', ".tsv"}, {',', ".csv"}, {';', ".csv"}}) {
      if (first.find(separator) == first.npos) continue;
      throw InputError(fmt::format(
          "{}: is no JSON: it looks like a table, a CSV file. Give it a name that ends in {}.",
          file_, ending));
    }
    throw InputError(fmt::format(
        "{}: is neither JSON nor a table: it begins with '{}'. Records are a JSON list, an object "
        "a line, or a table whose name ends in .csv or .tsv.",
        file_, is_utf8(first) ? excerpt(first) : "bytes that are not UTF-8"));
  }

  const std::string file_;
  const std::string_view text_;
  const Visit& visit_;
};

/// Keys in two characters become keys in one, but where that one is there already.
void compose_keys(json& object) {
  std::vector<std::pair<std::string, std::string>> changed;
  for (const auto& item : object.items()) {
    std::string key = nfc(item.key());
    if (key != item.key() && !object.contains(key))
      changed.emplace_back(item.key(), std::move(key));
  }
  for (const auto& [old, key] : changed) {
    object[key] = std::move(object[old]);
    object.erase(old);
  }
}

void read_table(const std::string& file, std::string_view text, char separator,
                const Visit& visit) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin != text.npos && (text[begin] == '[' || text[begin] == '{'))
    throw InputError(fmt::format(
        "{}: is no table: it looks like JSON. Give it a name that ends in .json or .jsonl.", file));
  std::vector<std::string> names;
  const auto place = [&](std::int64_t line) { return fmt::format("{}:{}", file, line); };
  const auto read_names = [&](const std::vector<std::string>& row, const std::string& where) {
    std::set<std::string> seen;
    for (const std::string& field : row) {
      const std::string name(trimmed(field));
      if (!is_utf8(name)) throw InputError(fmt::format("{}: {}.", where, kNotUtf8));
      if (!name.empty() && !seen.emplace(name).second)
        throw InputError(fmt::format("{}: the column '{}' is there twice.", where, name));
      names.push_back(name);
    }
  };
  for_each_csv_row(
      text, file, separator,
      [&](const std::vector<std::string>& row, std::int64_t line) {
        const auto is_blank = [](const std::string& field) { return trimmed(field).empty(); };
        if (std::all_of(row.begin(), row.end(), is_blank))
          return;  // spreadsheets leave such behind
        if (names.empty()) return read_names(row, place(line));
        DataRecord record{json::object(), place(line), {}};
        if (row.size() != names.size())
          record.fault =
              fmt::format("has {} fields, and there are {} columns", row.size(), names.size());
        if (!std::all_of(row.begin(), row.end(), [](const auto& field) { return is_utf8(field); }))
          record.fault = kNotUtf8;
        if (!record.fault.empty()) record.value = nullptr;
        for (std::size_t i = 0; record.fault.empty() && i < row.size(); ++i) {
          if (!names[i].empty()) record.value[names[i]] = row[i];
        }
        visit(record);
      },
      [&](std::int64_t line, const std::string& fault) {
        if (names.empty()) throw InputError(fmt::format("{}: {}.", place(line), fault));
        visit({nullptr, place(line), fault});
      });
}

}  // namespace

std::string data_file_name(const fs::path& path) {
  std::string name = path.filename().string();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c |= 0x20;
  }
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name;
}

bool names_table(const fs::path& path) {
  const std::string name = data_file_name(path);
  return name.ends_with(".csv") || name.ends_with(".tsv");
}

std::string read_data_text(const fs::path& path) {
  const std::string whole = read_file(path);
  const std::string_view first(whole.data(), std::min<std::size_t>(whole.size(), 2));
  if (first == "\xff\xfe" || first == "\xfe\xff" || first.find('\0') != first.npos)
    throw InputError(fmt::format(
        "{}: is UTF-16. Convert the file, with `iconv -f UTF-16 -t UTF-8`.",
        find_file(path).string()));
  return std::string(without_byte_order_mark(whole));
}

char separator_of(const fs::path& path, std::string_view text) {
  if (data_file_name(path).ends_with(".tsv")) return '\t';
  std::string first(text.substr(0, text.find_first_of("\r\n")));
  bool in_quotes = false;  // whatever is there parts nothing
  std::erase_if(first, [&](char c) {
    if (c == '"') in_quotes = !in_quotes;
    return in_quotes;
  });
  if (first.find(',') != first.npos) return ',';
  for (const char other : {';', '\t'}) {
    if (first.find(other) != first.npos) return other;
  }
  return ',';
}

void for_each_data_record(const fs::path& path,
                          const std::function<bool(const nlohmann::json&)>& is_record,
                          const std::function<void(const DataRecord&)>& visit) {
  const std::string text = read_data_text(path), file = find_file(path).string();
  if (names_table(path)) return read_table(file, text, separator_of(path, text), visit);
  JsonReader(file, text, visit).read(is_record);
}

bool is_nothing(std::string_view cell) {
  constexpr std::string_view kNothing[] = {
      "nan",    "NaN",           "null",      "NULL",    "<NA>",      "NaT",
      "#N/A",   "#REF!",         "#VALUE!",   "#DIV/0!", "#NAME?",    "#NUM!",
      "#NULL!", "#SPILL!",       "#CALC!",    "#FIELD!", "#BLOCKED!", "#CONNECT!",
      "#BUSY!", "#GETTING_DATA", "#UNKNOWN!", "#ERROR!"};
  return std::find(std::begin(kNothing), std::end(kNothing), cell) != std::end(kNothing);
}

void compose(json& value) {
  if (value.is_string()) {
    std::string& text = value.get_ref<std::string&>();
    text = nfc(text);
  } else if (value.is_structured()) {
    for (json& part : value) compose(part);
    if (value.is_object()) compose_keys(value);
  }
}

}  // namespace factsweep
