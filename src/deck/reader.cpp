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

/// A template may hold '#', which would end it without a word. InputError: what stands behind the
/// '=', comment and all, looks like one.
void check_template(const OptionTable& table, const Assignment& read, std::string_view whole) {
  const Option* option = table.find(read.key);
  if (option == nullptr || option->kind != Kind::text) return;
  const std::string_view written = value::trim(whole);
  const bool is_cut = read.raw.size() < written.size();
  if (!is_cut || written.starts_with('"') || written.find('{') == written.npos) return;
  throw InputError(fmt::format(
      "{}: '{}' = {}: '#' begins a comment, which would end the template: put the value between "
      "quotation marks, \"...\", or the comment on a line of its own.",
      read.where, read.key, written));
}

/// "[section]" prefixes what follows, the first '=' ends the key, '#' outside of quotation marks the
/// line.
std::vector<Assignment> assignments_of(const OptionTable& table, std::string_view text,
                                       std::string_view name) {
  std::vector<Assignment> found;
  std::string section;
  std::istringstream stream{std::string(text)};
  std::string whole;
  for (std::size_t number = 1; std::getline(stream, whole); ++number) {
    const std::string_view line = value::trim(whole);
    const std::string_view plain = value::trim(line.substr(0, line.find('#')));
    if (plain.empty()) continue;
    const std::string where = fmt::format("{}:{}", name, number);
    if (plain.starts_with('[') && plain.ends_with(']') && plain.size() > 2) {
      section = fmt::format("{}.", value::trim(plain.substr(1, plain.size() - 2)));
      continue;
    }
    const std::size_t equals = plain.find('=');
    if (equals == plain.npos) {
      throw InputError(fmt::format(
          "{}: cannot read '{}': a line is '[section]', 'key = value' or a comment after '#'.",
          where, plain));
    }
    found.push_back({fmt::format("{}{}", section, value::trim(plain.substr(0, equals))),
                     std::string(value::trim(value::without_comment(line.substr(equals + 1)))),
                     where});
    check_template(table, found.back(), line.substr(equals + 1));
  }
  return found;
}

}  // namespace

std::vector<Assignment> read_deck_text(const OptionTable& table, std::string_view text,
                                       std::string_view name, Others others) {
  std::vector<Assignment> assignments;
  std::map<std::string, std::string> place_of;
  for (Assignment& read : assignments_of(table, without_byte_order_mark(text), name)) {
    if (table.find(read.key) == nullptr) {
      if (others == Others::skipped) continue;
      throw unknown_key(table, read.where, read.key);
    }
    const auto [first, fresh] = place_of.try_emplace(read.key, read.where);
    if (!fresh) {
      const std::string line = first->second.substr(first->second.rfind(':') + 1);
      throw InputError(fmt::format("{}: '{}' is already set on line {}. Keep one of the two.",
                                   read.where, read.key, line));
    }
    assignments.push_back(std::move(read));
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
