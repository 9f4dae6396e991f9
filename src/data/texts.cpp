#include "factsweep/data/texts.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {

std::vector<std::string> read_texts(const std::filesystem::path& path) {
  const std::string whole = read_file(path);
  const std::string content(without_byte_order_mark(whole));
  std::vector<std::string> texts;
  const std::size_t begin = content.find_first_not_of(" \t\r\n");
  if (begin != std::string::npos && content[begin] == '{') {
    for_each_json_line(
        content, path.string(), [&](const nlohmann::json& line, std::int64_t number) {
          if (!line.contains("text") || !line.at("text").is_string())
            throw InputError(fmt::format("{}:{}: has no string \"text\".", path.string(), number));
          texts.push_back(line.at("text"));
        });
  } else {
    std::istringstream lines(content);
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of(" \t\r") != std::string::npos) texts.push_back(line);
    }
  }
  return texts;
}

}  // namespace factsweep
