// What an Option asks of its value beyond the grammar: ranges, choices, no repeated list items.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "value.hpp"

namespace factsweep::value {
namespace {

constexpr std::size_t kHintLength = 90;

/// " (unit; first words of the help)": what a reader of the message needs to choose a better value.
std::string hint(const Option& option) {
  std::string help = option.help.substr(0, option.help.find_first_of(".;:\n"));
  if (help.size() > kHintLength) help.resize(help.rfind(' ', kHintLength));
  const std::string unit = option.unit == "1" ? "" : option.unit;
  if (unit.empty() && help.empty()) return "";
  return fmt::format(" ({}{}{})", unit, unit.empty() || help.empty() ? "" : "; ", help);
}

std::string number(double value) {
  return fmt::format("{}", value);
}
std::string number(std::int64_t value) {
  return fmt::format("{}", value);
}

void check_range(const Option& option, double value, const std::string& subject) {
  if (value >= option.minimum && value <= option.maximum) return;
  const bool both = std::isfinite(option.minimum) && std::isfinite(option.maximum);
  const std::string rule = both                     ? "is outside " + range(option)
                           : value < option.minimum ? "is below " + number(option.minimum)
                                                    : "is above " + number(option.maximum);
  throw Broken{subject + rule + hint(option)};
}

void check_choice(const Option& option, const std::string& item, const std::string& subject) {
  if (std::find(option.choices.begin(), option.choices.end(), item) != option.choices.end()) return;
  throw Broken{fmt::format("{}is not one of: {}", subject, fmt::join(option.choices, ", "))};
}

/// Words for one item of a list: nothing to add when it is the only one.
std::string subject_of(const std::string& item, std::size_t count) {
  return count == 1 ? "" : fmt::format("has {}, which ", item);
}

template <typename T>
void check_repeated(std::vector<T> values, const auto& print) {
  std::sort(values.begin(), values.end());
  const auto twice = std::adjacent_find(values.begin(), values.end());
  if (twice != values.end()) throw Broken{fmt::format("has {} twice", print(*twice))};
}

template <typename T>
void check_numbers(const Option& option, const std::vector<T>& values) {
  const auto print = [](T value) { return number(value); };
  for (const T value : values) {
    check_range(option, static_cast<double>(value), subject_of(print(value), values.size()));
  }
  check_repeated(values, print);
}

void check_texts(const Option& option, const std::vector<std::string>& values) {
  for (const std::string& item : values) {
    if (!option.choices.empty()) check_choice(option, item, subject_of(item, values.size()));
  }
  check_repeated(values, [](const std::string& item) { return item; });
}

/// What takes no quotation marks.
void check_unquoted(std::string_view text) {
  if (text.starts_with('"')) throw Broken{"is quoted: write the value without quotes"};
  plain(text);
}

bool is_text(Kind kind) {
  return kind == Kind::text || kind == Kind::path || kind == Kind::text_list ||
         kind == Kind::path_list;
}

std::string joined(const auto& values) {
  return fmt::format("{}", fmt::join(values, ", "));
}

std::string joined_texts(std::vector<std::string> texts) {
  for (std::string& text : texts) {
    const std::string alone = quoted(text);
    text = text_list(alone) == std::vector{text} ? alone : marked(text);
  }
  return joined(texts);
}

}  // namespace

void check(const Option& option, std::string_view text) {
  if (!is_text(option.kind)) check_unquoted(text);
  const bool may_be_empty = option.fallback.empty() && !option.required;
  if (text.empty() && !may_be_empty) throw Broken{"is empty" + hint(option)};
  switch (option.kind) {
    case Kind::text:
    case Kind::path:
      return;
    case Kind::integer:
      return check_range(option, static_cast<double>(integer(text)), "");
    case Kind::real:
      return check_range(option, real(text), "");
    case Kind::flag:
      flag(text);
      return;
    case Kind::choice:
      return check_choice(option, std::string(text), "");
    case Kind::duration:
      return check_range(option, duration(text), "");
    case Kind::text_list:
    case Kind::path_list:
      return check_texts(option, text_list(text));
    case Kind::integer_list:
      return check_numbers(option, integer_list(text));
    case Kind::real_list:
      return check_numbers(option, real_list(text));
  }
}

std::string normal(const Option& option, std::string_view text) {
  switch (option.kind) {
    case Kind::integer:
      return number(integer(text));
    case Kind::real:
      return number(real(text));
    case Kind::flag:
      return flag(text) ? "true" : "false";
    case Kind::duration:
      return number(duration(text));
    case Kind::text_list:
    case Kind::path_list:
      return joined_texts(text_list(text));
    case Kind::integer_list:
      return joined(integer_list(text));
    case Kind::real_list:
      return joined(real_list(text));
    case Kind::text:
    case Kind::path:
    case Kind::choice:
      break;
  }
  return on_one_line(text);
}

std::string range(const Option& option) {
  const bool low = std::isfinite(option.minimum);
  const bool high = std::isfinite(option.maximum);
  if (low && high) return fmt::format("[{}, {}]", option.minimum, option.maximum);
  if (low) return fmt::format(">= {}", option.minimum);
  return high ? fmt::format("<= {}", option.maximum) : "";
}

}  // namespace factsweep::value
