#include "reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <map>
#include <sstream>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "value.hpp"

namespace factsweep {
namespace po = boost::program_options;
namespace {

InputError unknown_key(const OptionTable& table, std::string_view where, std::string_view key) {
  const std::string nearest = table.nearest(key);
  const std::string advice = nearest.empty() ? "" : fmt::format(" Did you mean '{}'?", nearest);
  return InputError(fmt::format("{}: unknown key '{}'.{}", where, key, advice));
}

InputError missing_value(std::string_view flag) {
  return InputError(fmt::format("command line: {} needs a value: --section.key=value.", flag));
}

po::options_description descriptions(const OptionTable& table) {
  po::options_description all;
  for (const Option& option : table.options())
    all.add_options()(option.key.c_str(), po::value<std::string>());
  return all;
}

std::string at_line(std::string_view name, std::size_t line) {
  return fmt::format("{}:{}", name, line);
}

/// The line number of each assignment, in order: Boost's parser does not tell. Mirrors its rules:
/// '#' ends a line,
/// "[section]" prefixes what follows, the first '=' ends the key.
std::vector<std::size_t> assignment_lines(std::string_view text, std::string_view name) {
  std::vector<std::size_t> lines;
  std::istringstream stream{std::string(text)};
  std::string whole;
  for (std::size_t number = 1; std::getline(stream, whole); ++number) {
    const std::string_view line = value::trim(std::string_view(whole).substr(0, whole.find('#')));
    if (line.empty()) continue;
    const bool section = line.starts_with('[') && line.ends_with(']') && line.size() > 2;
    if (!section && line.find('=') == line.npos) {
      throw InputError(fmt::format(
          "{}: cannot read '{}': a line is '[section]', 'key = value' or a comment after '#'.",
          at_line(name, number), line));
    }
    if (!section) lines.push_back(number);
  }
  return lines;
}

}  // namespace

std::vector<Assignment> read_deck_text(const OptionTable& table, std::string_view text,
                                       std::string_view name, Others others) {
  text = without_byte_order_mark(text);
  const std::vector<std::size_t> lines = assignment_lines(text, name);
  std::istringstream stream{std::string(text)};
  const auto parsed =
      po::parse_config_file(stream, descriptions(table), /*allow_unregistered=*/true);
  require(parsed.options.size() == lines.size(),
          "read_deck_text: Boost saw other assignments than the line scan");

  std::vector<Assignment> assignments;
  std::map<std::string, std::size_t> line_of;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const po::option& option = parsed.options[i];
    const std::string where = at_line(name, lines[i]);
    if (option.unregistered && others == Others::skipped) continue;
    if (option.unregistered) throw unknown_key(table, where, option.string_key);
    const auto [first, fresh] = line_of.try_emplace(option.string_key, lines[i]);
    if (!fresh) {
      throw InputError(fmt::format("{}: '{}' is already set on line {}. Keep one of the two.",
                                   where, option.string_key, first->second));
    }
    assignments.push_back({option.string_key, std::string(value::trim(option.value.at(0))), where});
  }
  return assignments;
}

std::vector<Assignment> read_overrides(const OptionTable& table,
                                       std::span<const std::string> overrides, Others others) {
  const auto emptied = [](const std::string& word) {  // --section.key=, which Boost refuses
    return word.starts_with("--") && word.find('=') + 1 == word.size();
  };
  // No allow_guessing: it would take --train.st for --train.steps.
  constexpr int kStyle = po::command_line_style::allow_long |
                         po::command_line_style::long_allow_adjacent |
                         po::command_line_style::long_allow_next;
  const auto all = descriptions(table);
  std::vector<Assignment> assignments;
  const auto add = [&](const std::string& key, const std::string& raw) {
    const auto earlier = std::find_if(assignments.begin(), assignments.end(),
                                      [&](const Assignment& other) { return other.key == key; });
    if (earlier != assignments.end()) {
      throw InputError(fmt::format("command line: '{}' is given twice ('{}' and '{}').", key,
                                   earlier->raw, raw));
    }
    assignments.push_back({key, raw, "command line"});
  };
  std::vector<std::string> words;
  for (const std::string& word : overrides) {
    if (!emptied(word)) {
      words.push_back(word);
      continue;
    }
    const std::string key = word.substr(2, word.size() - 3);
    if (table.find(key) != nullptr) {
      add(key, "");
    } else if (others == Others::refused) {
      throw unknown_key(table, "command line", key);
    }
  }
  try {
    const auto parsed =
        po::command_line_parser(words)
            .options(all)
            .style(kStyle)
            .allow_unregistered()
            .run();
    for (const po::option& option : parsed.options) {
      // the value of an option that the table lacks is an option without a key
      const bool is_other = option.unregistered || option.string_key.empty();
      if (is_other && others == Others::skipped) continue;
      if (option.unregistered) throw unknown_key(table, "command line", option.string_key);
      if (option.string_key.empty()) {
        throw InputError(
            fmt::format("command line: '{}' is not an override. Write --section.key=value.",
                        option.value.empty() ? "--" : option.value[0]));
      }
      const std::string raw(value::trim(option.value.at(0)));
      if (raw.starts_with("--"))
        throw missing_value("--" + option.string_key);  // the next override, swallowed
      add(option.string_key, raw);
    }
  } catch (const po::error_with_option_name& error) {
    throw InputError(fmt::format("command line: {} needs a value: --section.key=value.",
                                 error.get_option_name()));
  }
  return assignments;
}

}  // namespace factsweep
