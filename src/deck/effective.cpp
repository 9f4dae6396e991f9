// The deck printed whole: --print-deck, the deck inside the result file, and the reference of all
// keys.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "factsweep/deck/deck.hpp"
#include "value.hpp"

namespace factsweep {
namespace {

constexpr std::size_t kCommentWidth = 98;

/// `text` as "# ..." lines broken at spaces.
std::string comment(const std::string& text) {
  std::istringstream words(text);
  std::string lines;
  std::string line = "#";
  for (std::string word; words >> word;) {
    if (line.size() > 1 && line.size() + 1 + word.size() > kCommentWidth) {
      lines += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return line == "#" ? lines : lines + line + "\n";
}

std::string as_written(const Option& option, const std::string& raw) {
  return option.kind == Kind::text || option.kind == Kind::path ? value::quoted(raw) : raw;
}

/// "unit: epochs; range: >= 1; one of: a, b; default: 50", without what says nothing.
std::string facts(const Option& option) {
  std::vector<std::string> parts;
  if (!option.unit.empty() && option.unit != "1") parts.push_back("unit: " + option.unit);
  const std::string range = value::range(option);
  if (!range.empty()) parts.push_back("range: " + range);
  if (!option.choices.empty())
    parts.push_back(fmt::format("one of: {}", fmt::join(option.choices, ", ")));
  if (option.required) {
    parts.push_back("required");
  } else {
    parts.push_back("default: " + (option.fallback.empty() ? "empty" : as_written(option, option.fallback)));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

std::string Deck::effective() const {
  std::vector<std::string>
      sections;  // in table order; a later study may add keys to an earlier section
  std::map<std::string, std::string> body;
  for (const Option& option : table_->options()) {
    const std::size_t dot = option.key.rfind('.');
    const std::string section = option.key.substr(0, dot);
    if (!body.contains(section)) sections.push_back(section);
    const Value& found = values_.find(option.key)->second;
    const std::string assignment =
        fmt::format("{} = {}", option.key.substr(dot + 1), as_written(option, found.raw));
    body[section] += "\n" + comment(option.help) + comment(facts(option)) +
                     std::string(value::trim(assignment)) + "\n";
  }
  std::string text;
  for (const std::string& section : sections) {
    text += fmt::format("{}[{}]\n{}", text.empty() ? "" : "\n", section, body[section]);
  }
  return text;
}

}  // namespace factsweep
