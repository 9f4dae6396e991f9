#include "factsweep/core/file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file_writer.hpp"
#include "factsweep/core/json_text.hpp"
#include "factsweep/core/text_source.hpp"
#include "factsweep/core/utf8.hpp"
#include "parse_json.hpp"

namespace factsweep {
namespace fs = std::filesystem;

fs::path find_file(const fs::path& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return path;
  const fs::path packed = path.string() + ".gz";
  if (fs::exists(packed, ignored)) return packed;
  throw InputError(
      fmt::format("{}: no such file (nor {}).", path.string(), packed.filename().string()));
}

namespace {

std::string unpacked(const fs::path& path) {
  const fs::path found = find_file(path);
  if (fs::is_directory(found)) {
    throw InputError(fmt::format("{}: is a folder, a file is needed.", found.string()));
  }
  // gzread passes plain files through unchanged
  gzFile file = gzopen(found.c_str(), "rb");
  if (file == nullptr) {
    throw InputError(fmt::format("{}: cannot be read: {}.", found.string(), std::strerror(errno)));
  }
  std::string content;
  std::array<char, 1 << 16> buffer;
  int count = 0;
  while ((count = gzread(file, buffer.data(), buffer.size())) > 0)
    content.append(buffer.data(), count);
  int code = Z_OK;
  const std::string reason = gzerror(file, &code);
  const int closed = gzclose(file);
  if (count < 0 || closed != Z_OK) {
    throw InputError(fmt::format("{}: damaged or truncated gzip ({}). Copy the file again.",
                                 found.string(), reason.empty() ? "unexpected end" : reason));
  }
  return content;
}

}  // namespace

std::string read_file(const fs::path& path) {
  const TextSource* source = TextSource::current();
  return source == nullptr ? unpacked(path) : source->text(path, [&] { return unpacked(path); });
}

JsonFault::JsonFault(const nlohmann::json::exception& error, std::string_view text) {
  const auto* parse = dynamic_cast<const nlohmann::json::parse_error*>(&error);
  // of its own: "[json.exception.parse_error.101] parse error at line 1, column 5: "
  std::string_view said = error.what();
  for (const std::string_view end : {"] ", "column ", ": "}) {
    const std::size_t found = said.find(end);
    if (found == std::string_view::npos || (!parse && end != "] ")) break;
    said.remove_prefix(found + end.size());
  }
  if (parse) {
    const std::string_view before = text.substr(0, parse->byte);
    line += std::count(before.begin(), before.end(), '\n');
    const std::size_t start = before.rfind('\n');
    column = std::max<std::int64_t>(1, std::ssize(before) -
                                           (start == before.npos ? 0 : std::int64_t(start) + 1));
  }
  // A token is quoted whole, at times a file's only line: the middle is left out, as what was
  // expected stands at the end.
  constexpr std::size_t kLongest = 240;  // bytes
  reason = said.size() <= kLongest
               ? std::string(said)
               : fmt::format("{} ... {}", utf8_prefix(said, kLongest / 2),
                             said.substr(said.size() - kLongest / 2));
}

void refuse_json(const nlohmann::json::exception& error, std::string_view text,
                 const std::string& where) {
  const JsonFault fault(error, text);
  if (dynamic_cast<const nlohmann::json::parse_error*>(&error) != nullptr)
    throw InputError(
        fmt::format("{}:{}:{}: not valid JSON: {}", where, fault.line, fault.column, fault.reason));
  // a number beyond the largest double
  throw InputError(fmt::format("{}: not usable JSON: {}", where, fault.reason));
}

nlohmann::json parse_json_file(const fs::path& path,
                               const nlohmann::json::parser_callback_t& visit) {
  const fs::path found = find_file(path);
  return parse_json<nlohmann::json>(read_file(found), found.string(), visit);
}

nlohmann::json read_json(const fs::path& path) {
  return parse_json_file(path);
}

void for_each_json_line(std::string_view text, std::string_view name,
                        const std::function<void(const nlohmann::json&, std::int64_t)>& visit) {
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    nlohmann::json record;
    try {
      record = nlohmann::json::parse(line);
    } catch (const nlohmann::json::exception& error) {
      const JsonFault fault(error, line);
      throw InputError(fmt::format("{}:{}: not valid JSON: column {}: {}", name, number,
                                   fault.column, fault.reason));
    }
    visit(record, number);
  }
}

void write_file(const fs::path& path, std::string_view content) {
  FileWriter file(path);
  file.append(content);
  file.finish();
}

}  // namespace factsweep
