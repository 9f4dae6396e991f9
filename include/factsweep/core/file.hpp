// Reading and writing whole files. `.gz` is read transparently: read_file("a.json") finds a.json.gz
// too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace factsweep {

/// `path` if it exists, else `path`.gz if that exists. InputError (naming both) otherwise.
std::filesystem::path find_file(const std::filesystem::path& path);

/// The whole content, unpacked when it is gzip. InputError: missing, unreadable, damaged gzip.
std::string read_file(const std::filesystem::path& path);

/// What a JSON parser says of a text, and where in it, from 1; the reason names no place.
struct JsonFault {
  std::int64_t line = 1, column = 1;
  std::string reason;

  JsonFault(const nlohmann::json::exception& error, std::string_view text);
};

/// Parses a JSON document. InputError with file:line:column and the parser's reason.
nlohmann::json read_json(const std::filesystem::path& path);

/// Calls `visit(record, line_number)` for each non-empty line of a JSONL text.
/// InputError with `name`:line on a bad line.
void for_each_json_line(std::string_view text, std::string_view name,
                        const std::function<void(const nlohmann::json&, std::int64_t)>& visit);

/// Writes to a temporary name beside `path`, syncs, renames: the file is whole or absent.
/// EnvironmentError with the system's reason (no space, no permission).
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace factsweep
