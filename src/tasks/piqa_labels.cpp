// PIQA's labels, which lie in a file of their own.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "forms.hpp"

namespace factsweep::tasks {

std::vector<std::int64_t> piqa_labels(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  name.resize(std::min(name.find(".json"), name.size()));
  const std::filesystem::path file = path.parent_path() / (name + "-labels.lst");
  std::string text;
  try {
    text = read_file(file);
  } catch (const InputError&) {
    throw InputError(fmt::format(
        "{}: PIQA's records have no label and {} is not beside the file. The test split was "
        "published without labels; take valid.jsonl with valid-labels.lst.",
        path.string(), file.filename().string()));
  }
  std::vector<std::int64_t> labels;
  for (std::string_view rest = strip(text); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = strip(rest.substr(0, end));
    if (line != "0" && line != "1")
      throw InputError(fmt::format("{}:{}: '{}' is no label; 0 or 1 is needed.", file.string(),
                                   labels.size() + 1, line));
    labels.push_back(line == "1" ? 1 : 0);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return labels;
}

}  // namespace factsweep::tasks
