// Files of records, whatever they are written in: a list or an object of objects, an object a line,
// a table with a row of names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace factsweep {

/// A record as it stands in its file.
struct DataRecord {
  nlohmann::json value;  // of a table: an object of texts by column
  std::string where;     // "FILE:12"; where several may stand in a line, "FILE:12: record 3"
  std::string fault;     // why it cannot be read, without a full stop; `value` is null then
};

/// The file's name in lower case, without .gz: what tells the kind of a file.
std::string data_file_name(const std::filesystem::path& path);

/// Whether a path's name says that it is a table: .csv or .tsv, or .gz after these.
bool names_table(const std::filesystem::path& path);

/// The whole file's text, without a byte-order mark. InputError: missing, damaged, or UTF-16.
std::string read_data_text(const std::filesystem::path& path);

/// A table's separator, by its name and first row: a tab, a comma, or the semicolon of tables in
/// whose language a comma is a decimal point.
char separator_of(const std::filesystem::path& path, std::string_view text);

/// Visits every record, the bad ones too. A table has a row of names (csv.hpp; names are trimmed,
/// columns without one left out, and rows of nothing but blanks, too), everything else is JSON: a
/// list of records, an object of records, an object whose only list they are, records line by line,
/// or one record (`is_record` tells it from an object of records). `.gz` is read transparently.
/// InputError with file and line: no such file, JSON whose brackets do not close, columns in place
/// of records, a column that is there twice, a table where JSON was expected, and JSON where a
/// table was.
void for_each_data_record(const std::filesystem::path& path,
                          const std::function<bool(const nlohmann::json&)>& is_record,
                          const std::function<void(const DataRecord&)>& visit);

/// Whether a cell, trimmed, is what pandas, databases and spreadsheets write where there is no
/// value, or the error of a formula. "None" and "NA" are not among them: both are answers, too.
bool is_nothing(std::string_view cell);

/// All texts and keys of a value in NFC, as a text that is typed and one that was copied should be
/// one.
void compose(nlohmann::json& value);

}  // namespace factsweep
