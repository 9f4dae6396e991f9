#include "factsweep/data/texts.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {
namespace {

constexpr const char* kWhite = " \t\r\n";

std::string content_of(const std::filesystem::path& path) {
  const std::string whole = read_file(path);
  return std::string(without_byte_order_mark(whole));
}

/// Nothing: they are no JSON lines.
std::optional<std::vector<std::string>> json_texts(const std::filesystem::path& path,
                                                   const std::string& content) {
  const std::size_t begin = content.find_first_not_of(kWhite);
  if (begin == std::string::npos || content[begin] != '{') return std::nullopt;
  std::vector<std::string> texts;
  for_each_json_line(content, path.string(), [&](const nlohmann::json& line, std::int64_t number) {
    if (!line.contains("text") || !line.at("text").is_string())
      throw InputError(fmt::format("{}:{}: has no string \"text\".", path.string(), number));
    texts.push_back(line.at("text"));
  });
  return texts;
}

}  // namespace

std::vector<std::string> read_texts(const std::filesystem::path& path) {
  const std::string content = content_of(path);
  if (auto texts = json_texts(path, content)) return std::move(*texts);
  std::vector<std::string> texts;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(kWhite) != std::string::npos) texts.push_back(line);
  }
  return texts;
}

std::vector<std::string> read_whole_texts(const std::filesystem::path& path) {
  std::string content = content_of(path);
  if (auto texts = json_texts(path, content)) return std::move(*texts);
  if (content.find_first_not_of(kWhite) == std::string::npos) return {};
  return {std::move(content)};
}

}  // namespace factsweep
