// The grammar of deck values: what each Kind accepts, its range rule, and its normal form.
// Private to the deck module. Functions that can fail throw Broken with the rule; the caller adds
// where and what.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/deck/option.hpp"

namespace factsweep::value {

/// The rule that a value breaks, worded to follow "key = value ": "is outside [0, 1] (fraction of
/// ...)".
struct Broken {
  std::string rule;
};

std::string_view trim(std::string_view text);

/// What is before the comment of a line: '#' begins none in a value, or an item of a list, that
/// begins with a quotation mark, before the one that ends it.
std::string_view without_comment(std::string_view text);

/// What `text` means: as it is, or what is between its quotation marks. There a backslash and n, t or
/// r are a line break, a tab and a carriage return, and a backslash comes before a quotation mark or
/// a backslash of the text. Throws Broken, also for what would be misread without the marks.
std::string plain(std::string_view text);
/// The text, between quotation marks where it would change without them.
std::string quoted(const std::string& text);
/// The text between quotation marks.
std::string marked(std::string_view text);
/// A text without line breaks, which stand there as \n.
std::string on_one_line(std::string_view text);

std::int64_t integer(std::string_view text);
double real(std::string_view text);
bool flag(std::string_view text);
/// Seconds of "HH:MM:SS", "90 s", "5 min", "2 h" or a plain number.
double duration(std::string_view text);
/// Items between commas outside of parentheses and quotation marks, each as plain() has it.
std::vector<std::string> text_list(std::string_view text);
/// "1, 2, 3", "1..5", or both mixed.
std::vector<std::int64_t> integer_list(std::string_view text);
/// "0, 0.5, 1", "linear(first, last, count)", "log(first, last, count)", or all mixed. End points
/// are exact, and the values between are the short decimal where one lies within rounding error
/// (0.01, not 0.010000000000000002).
std::vector<double> real_list(std::string_view text);

/// `text` with a leading "~/", "$NAME" and "${NAME}" replaced from the environment.
std::string expanded_path(std::string_view text);

/// Throws Broken unless `text`, of Kind::text and Kind::path what plain() has made of it, is a value
/// of `option` within its range and choices.
void check(const Option& option, std::string_view text);

/// The same text for equal values: "1e-5" and "0.00001", "1..3" and "1, 2, 3", "2 h" and
/// "02:00:00".
std::string normal(const Option& option, std::string_view text);

/// "[0, 1]", ">= 1", "<= 5", or empty when every value will do.
std::string range(const Option& option);

}  // namespace factsweep::value
