// Numbers in texts: leniently what a model's answer says, strictly what a gold answer is.
#include "numbers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>

#include "factsweep/tasks/answer.hpp"
#include "record.hpp"

namespace factsweep {
namespace {

using tasks::strip;

constexpr std::string_view kNextQuestion = "Question:";
constexpr std::string_view kMarkedNumber = "####";
// hyphen, non-breaking hyphen, en dash, minus sign, small and full-width hyphen
constexpr std::array<std::string_view, 7> kMinus = {"-",      "\u2010", "\u2011", "\u2013",
                                                    "\u2212", "\ufe63", "\uff0d"};
// no-break, thin and narrow no-break space: a plain one parts numbers, not thousands
constexpr std::array<std::string_view, 3> kThinBlanks = {"\u00a0", "\u2009", "\u202f"};
constexpr std::array<std::string_view, 2> kSlashes = {"/", "\u2044"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Bytes of the mark that `text` begins with, or ends with; 0: none of them.
std::size_t leading(std::string_view text, std::span<const std::string_view> marks) {
  for (const std::string_view mark : marks) {
    if (text.starts_with(mark)) return mark.size();
  }
  return 0;
}
std::size_t closing(std::string_view text, std::span<const std::string_view> marks) {
  for (const std::string_view mark : marks) {
    if (text.ends_with(mark)) return mark.size();
  }
  return 0;
}

std::size_t digits_of(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) -
                                  text.begin());
}

/// Digits at the beginning of a text, thousands parted by commas, or after at most three digits by
/// the blanks, and a decimal part.
struct Digits {
  std::string text;
  std::size_t end = 0;  // of what was read
};

Digits read_digits(std::string_view text, std::span<const std::string_view> blanks) {
  Digits digits{std::string(text.substr(0, digits_of(text))), digits_of(text)};
  const bool is_short = digits.end <= 3;
  for (;;) {
    const std::string_view rest = text.substr(digits.end);
    const std::size_t mark = rest.starts_with(',') ? 1 : is_short ? leading(rest, blanks) : 0;
    if (mark == 0 || digits_of(rest.substr(mark)) != 3) break;
    digits.text += rest.substr(mark, 3);
    digits.end += mark + 3;
  }
  const std::string_view rest = text.substr(digits.end);
  if (const std::size_t decimals = rest.starts_with('.') ? digits_of(rest.substr(1)) : 0;
      decimals > 0) {
    digits.text += rest.substr(0, 1 + decimals);
    digits.end += 1 + decimals;
  }
  return digits;
}

/// The number's "-" and its "0." of ".5", by what stands in front of its first digit. "10-3" holds
/// no negative number, and "1.5.2" no decimal one.
std::string prefix_of(std::string_view before) {
  const auto goes_on = [&] {
    return !before.empty() && std::isalnum(static_cast<unsigned char>(before.back())) != 0;
  };
  std::string point;
  if (before.ends_with('.')) {
    before.remove_suffix(1);
    if (goes_on() || before.ends_with('.')) return "";
    point = "0.";
  }
  if (before.ends_with('$')) before.remove_suffix(1);
  const std::size_t minus = closing(before, kMinus);
  before.remove_suffix(minus);
  return std::string(minus > 0 && !goes_on() ? "-" : "") + point;
}

/// The first digit of the number that GSM8K's "####" marks; npos: none. A heading that begins with
/// the same signs ("#### Step 1") marks nothing.
std::size_t marked_digit(std::string_view text) {
  for (std::size_t mark = text.find(kMarkedNumber); mark != std::string_view::npos;
       mark = text.find(kMarkedNumber, mark + 1)) {
    std::size_t next = mark + kMarkedNumber.size();
    for (;;) {
      next = std::min(text.find_first_not_of(" \t\r\n$.", next), text.size());
      const std::size_t minus = leading(text.substr(next), kMinus);
      if (minus == 0) break;
      next += minus;
    }
    if (next < text.size() && is_digit(text[next])) return next;
  }
  return std::string_view::npos;
}

}  // namespace

std::size_t tasks::number_end(std::string_view text) {
  const std::size_t end = text.find(kNextQuestion);
  const std::size_t digit = marked_digit(text.substr(0, end));
  return digit == std::string_view::npos ? end : std::min(end, text.find('\n', digit));
}

std::string last_number(std::string_view text, bool fractions) {
  text = text.substr(0, tasks::number_end(text));
  if (marked_digit(text) != std::string_view::npos) {
    const std::size_t mark = text.rfind(kMarkedNumber) + kMarkedNumber.size();
    if (std::string whole = whole_number(text.substr(mark)); !whole.empty()) return whole;
  }
  std::string last;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_digit(text[i])) {
      ++i;
      continue;
    }
    const Digits digits = read_digits(text.substr(i), kThinBlanks);
    last = prefix_of(text.substr(0, i)) + digits.text;
    i += digits.end;
    const std::size_t slash = fractions ? leading(text.substr(i), kSlashes) : 0;
    const std::string_view below = text.substr(i + slash);
    if (const std::size_t count = slash > 0 ? digits_of(below) : 0; count > 0) {
      last += '/';
      last += below.substr(0, count);
      i += slash + count;
    }
  }
  return last;
}

std::string whole_number(std::string_view text) {
  constexpr std::array<std::string_view, 4> kBlanks = {" ", kThinBlanks[0], kThinBlanks[1],
                                                       kThinBlanks[2]};
  text = strip(text);
  if (text.starts_with('$')) text.remove_prefix(1);
  std::string number = leading(text, kMinus) > 0 ? "-" : "";
  text.remove_prefix(text.starts_with('+') ? 1 : leading(text, kMinus));
  if (text.starts_with('$')) text.remove_prefix(1);
  if (text.starts_with('.')) {
    if (digits_of(text.substr(1)) == 0 || digits_of(text.substr(1)) + 1 != text.size()) return {};
    return number + "0" + std::string(text);
  }
  const std::size_t first = digits_of(text);
  const bool is_list = first > 3 && text.substr(first).starts_with(',');
  if (first == 0 || is_list) return {};
  const Digits digits = read_digits(text, kBlanks);
  number += digits.text;
  text.remove_prefix(digits.end);
  if (const std::size_t slash = leading(text, kSlashes); slash > 0) {
    const std::string_view below = text.substr(slash);
    if (below.empty() || digits_of(below) != below.size() ||
        below.find_first_not_of('0') == std::string_view::npos)
      return {};
    return number + "/" + std::string(below);
  }
  return text.empty() ? number : std::string();
}

double number_value(std::string_view number) {
  if (number.empty()) return std::numeric_limits<double>::quiet_NaN();
  const std::size_t slash = number.find('/');
  const auto value = [](std::string_view text) {
    return std::strtod(std::string(text).c_str(), nullptr);
  };
  const double above = value(number.substr(0, slash));
  return slash == std::string_view::npos ? above : above / value(number.substr(slash + 1));
}

}  // namespace factsweep
