#include "value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

namespace factsweep::value {
namespace {

constexpr std::string_view kSpace = " \t\r\n\v\f";
constexpr std::string_view kWritten = "ntr\"\\", kMeant = "\n\t\r\"\\";  // after a backslash
constexpr std::int64_t kMaxItems = 1'000'000;  // of a list; more is a typing error

template <typename T>
std::optional<T> parsed(std::string_view text) {
  T result{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return result;
}

std::optional<double> finite(std::string_view text) {
  const auto number = parsed<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

/// The quotation mark that ends what the one at `open` begins: nothing but a comma or a comment may
/// come after it. npos: none.
std::size_t closing_mark(std::string_view text, std::size_t open) {
  for (std::size_t i = open + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      const std::string_view rest = trim(text.substr(i + 1));
      if (rest.empty() || rest.front() == '#' || rest.front() == ',') return i;
    }
  }
  return text.npos;
}

/// The items between the commas outside of parentheses and quotation marks.
std::vector<std::string_view> items(std::string_view text) {
  std::vector<std::string_view> found;
  if (trim(text).empty()) return found;
  int depth = 0;
  std::size_t begin = 0;
  bool fresh = true;  // nothing of the item so far
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (fresh && i < text.size() && text[i] == '"') {
      i = std::min(closing_mark(text, i), text.size() - 1) + 1;
      fresh = false;
    }
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i < text.size() && (text[i] != ',' || depth > 0)) {
      fresh = fresh && kSpace.find(text[i]) != kSpace.npos;
      continue;
    }
    found.push_back(trim(text.substr(begin, i - begin)));
    if (found.back().empty()) throw Broken{"has an empty item (a comma too many?)"};
    begin = i + 1;
    fresh = true;
  }
  return found;
}

/// Traps of the INI syntax in what has no quotation marks around it.
void check_syntax(std::string_view text) {
  if (text.find('#') != text.npos)
    throw Broken{
        "contains '#', which starts a comment in a deck: put it between quotation marks, \"...\""};
  if (text.find_first_of("\r\n") != text.npos)
    throw Broken{"contains a line break: write \\n, between quotation marks, \"...\""};
  if (text.find(" ;") != text.npos || text.starts_with(';')) {
    throw Broken{
        "contains ';': comments start with '#', the items of a list are separated by ',', and a "
        "text that holds it stands between quotation marks, \"...\""};
  }
}

/// The decimal of 12 digits when it lies within a few rounding errors of `exact`.
double short_decimal(double exact) {
  const double rounded = *parsed<double>(fmt::format("{:.12g}", exact));
  return std::abs(rounded - exact) <= 1e-15 * std::abs(exact) ? rounded : exact;
}

void append_axis(std::string_view item, std::vector<double>& values) {
  const bool logarithmic = item.starts_with("log(");
  const std::string_view form = logarithmic ? "log" : "linear";
  const std::string_view whole = item;
  const auto rule = [&](std::string_view what) {
    return Broken{fmt::format("has {}, but {}: write {}(first, last, count)", whole, what, form)};
  };
  if (!item.ends_with(')')) throw rule("its parenthesis is not closed");
  item.remove_suffix(1);
  const auto parts = items(item.substr(form.size() + 1));
  if (parts.size() != 3) throw rule("three numbers are needed");
  const auto first = finite(parts[0]);
  const auto last = finite(parts[1]);
  const auto count = parsed<std::int64_t>(parts[2]);
  if (!first || !last) throw rule("its end points are not numbers");
  if (!count || *count < 2 || *count > kMaxItems) throw rule("its count is not a number from 2 up");
  if (logarithmic && (*first <= 0 || *last <= 0))
    throw rule("a logarithmic axis needs end points above 0");
  for (std::int64_t i = 0; i < *count; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(*count - 1);
    const double between =
        logarithmic ? *first * std::pow(*last / *first, t) : *first + (*last - *first) * t;
    values.push_back(i == 0 ? *first : i == *count - 1 ? *last : short_decimal(between));
  }
}

void append_range(std::string_view item, std::size_t dots, std::vector<std::int64_t>& values) {
  const std::int64_t first = integer(trim(item.substr(0, dots)));
  const std::int64_t last = integer(trim(item.substr(dots + 2)));
  if (last < first) throw Broken{fmt::format("has {}, which runs backwards", item)};
  if (static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first) >= kMaxItems) {
    throw Broken{fmt::format("has {}, which is more than {} values", item, kMaxItems)};
  }
  for (std::int64_t value = first; value <= last; ++value) values.push_back(value);
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

std::string_view without_comment(std::string_view text) {
  bool fresh = true;  // nothing of the item so far
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (fresh && text[i] == '"') {
      const std::size_t end = closing_mark(text, i);
      if (end != text.npos) i = end;
      fresh = false;
    } else if (text[i] == '#') {
      return text.substr(0, i);
    } else if (kSpace.find(text[i]) == kSpace.npos) {
      fresh = text[i] == ',';
    }
  }
  return text;
}

/// Marks that other languages, and word processors in place of ", put around a text.
void check_marks(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kMarks[] = {
      {"'", "'"}, {"`", "`"}, {"“", "”"}, {"„", "“"},
      {"„", "”"}, {"‘", "’"}, {"”", "”"}, {"«", "»"}};
  for (const auto& [open, close] : kMarks) {
    if (text.size() < open.size() + close.size() || !text.starts_with(open) ||
        !text.ends_with(close))
      continue;
    throw Broken{
        fmt::format("stands between {}, which would belong to it: write \"...\", or without "
                    "marks",
                    open == "'" ? "apostrophes" : fmt::format("{} and {}", open, close))};
  }
}

std::string plain(std::string_view text) {
  if (!text.starts_with('"')) {
    check_marks(text);
    check_syntax(text);
    return std::string(text);
  }
  if (text.size() > 3 && text.starts_with("\"\"") && text.ends_with("\"\""))
    throw Broken{
        "begins and ends with several quotation marks: write one, and \\\" for a mark of the text"};
  std::string result;
  std::size_t i = 1;
  for (; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const std::size_t which = kWritten.find(text[++i]);
    if (which == kWritten.npos)
      throw Broken{fmt::format(
          "has \\{} between its quotation marks: write \\n, \\t, \\r, \\\" or \\\\", text[i])};
    result += kMeant[which];
  }
  if (i + 1 != text.size() || text[i] != '"')
    throw Broken{
        "begins with a quotation mark, but does not end with one: write \"...\", and \\\" for a "
        "quotation mark of the text"};
  return result;
}

std::string quoted(const std::string& text) {
  try {
    if (trim(text) == text && !text.starts_with('"') && plain(text) == text &&
        text.find('\t') == text.npos)
      return text;
  } catch (const Broken&) {
    // it stands between quotation marks, then
  }
  return marked(text);
}

std::string marked(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const std::size_t which = kMeant.find(c);
    if (which == kMeant.npos) {
      result += c;
    } else {
      result += '\\';
      result += kWritten[which];
    }
  }
  return result + '"';
}

std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += "\\n";
    } else {
      line += c;
    }
  }
  return line;
}

std::int64_t integer(std::string_view text) {
  if (const auto number = parsed<std::int64_t>(text)) return *number;
  const auto number = finite(text);
  const bool whole = number && std::abs(*number) < 1e15 && std::floor(*number) == *number;
  throw Broken{whole ? fmt::format("is not written as an integer: write {:.0f}", *number)
                     : fmt::format("is not an integer{}",
                                   text.find(',') != text.npos ? " (one value, no list)" : "")};
}

double real(std::string_view text) {
  const auto number = finite(text);
  if (!number) {
    throw Broken{fmt::format("is not a finite number{}",
                             text.find(',') != text.npos ? " (one value, no list)" : "")};
  }
  return *number + 0.0;  // -0 becomes 0
}

bool flag(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  throw Broken{"is neither true nor false"};
}

double duration(std::string_view text) {
  const Broken rule{
      "is not a duration: write 03:50:00, 90 s, 5 min, 2 h or a number of seconds (0 = none)"};
  if (text.find(':') != text.npos) {
    const std::size_t first = text.find(':');
    const std::size_t second = text.find(':', first + 1);
    if (second == text.npos) throw rule;
    const auto hours = parsed<std::uint32_t>(text.substr(0, first));
    const auto minutes = parsed<std::uint32_t>(text.substr(first + 1, second - first - 1));
    const auto seconds = finite(text.substr(second + 1));
    if (!hours || !minutes || !seconds || *minutes >= 60 || *seconds < 0 || *seconds >= 60)
      throw rule;
    return 3600.0 * *hours + 60.0 * *minutes + *seconds;
  }
  const std::size_t end = std::min(text.find_last_of("0123456789.") + 1, text.size());
  const auto number = finite(text.substr(0, end));
  const std::string_view unit = trim(text.substr(end));
  if (!number || *number < 0) throw rule;
  if (unit.empty() || unit == "s") return *number + 0.0;
  if (unit == "min") return *number * 60;
  if (unit == "h") return *number * 3600;
  throw rule;
}

std::vector<std::string> text_list(std::string_view text) {
  std::vector<std::string> list;
  for (const std::string_view item : items(text)) list.push_back(plain(item));
  return list;
}

std::vector<std::int64_t> integer_list(std::string_view text) {
  std::vector<std::int64_t> values;
  for (const std::string_view item : items(text)) {
    const std::size_t dots = item.find("..");
    if (dots != item.npos) {
      append_range(item, dots, values);
    } else {
      try {
        values.push_back(integer(item));
      } catch (const Broken& broken) {
        throw Broken{item == trim(text) ? broken.rule
                                        : fmt::format("has {}, which {}", item, broken.rule)};
      }
    }
  }
  return values;
}

std::vector<double> real_list(std::string_view text) {
  std::vector<double> values;
  for (const std::string_view item : items(text)) {
    if (item.starts_with("linear(") || item.starts_with("log(")) {
      append_axis(item, values);
    } else if (const auto number = finite(item)) {
      values.push_back(*number + 0.0);
    } else {
      throw Broken{item == trim(text) ? std::string("is not a finite number")
                                      : fmt::format("has {}, which is not a finite number", item)};
    }
  }
  return values;
}

std::string expanded_path(std::string_view text) {
  const auto environment = [](const std::string& name) -> std::string {
    const char* found = std::getenv(name.c_str());
    if (found == nullptr)
      throw Broken{fmt::format("uses ${}, which is not set in the environment", name)};
    return found;
  };
  std::string result;
  if (text == "~" || text.starts_with("~/")) {
    result = environment("HOME");
    text.remove_prefix(1);
  }
  while (!text.empty()) {
    const std::size_t dollar = std::min(text.find('$'), text.size());
    result += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    const bool braces = text.starts_with("${");
    text.remove_prefix(braces ? 2 : 1);
    const auto name_end = std::find_if_not(text.begin(), text.end(), [](char c) {
      return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    });
    const std::string name(text.begin(), name_end);
    text.remove_prefix(name.size());
    if (name.empty() || (braces && !text.starts_with('}'))) {
      throw Broken{"has a '$' that names no environment variable: write $NAME or ${NAME}"};
    }
    if (braces) text.remove_prefix(1);
    result += environment(name);
  }
  return result;
}

}  // namespace factsweep::value
