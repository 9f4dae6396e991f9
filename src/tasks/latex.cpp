#include "latex.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

#include "record.hpp"

namespace factsweep::tasks {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::vector<std::string> split(std::string_view text, std::string_view by) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t at = text.find(by);
    parts.emplace_back(text.substr(0, at));
    if (at == text.npos) return parts;
    text.remove_prefix(at + by.size());
  }
}

/// Bytes of the character that `text` begins with.
std::size_t character(std::string_view text) {
  std::size_t size = std::min<std::size_t>(1, text.size());
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return size;
}

/// \sqrt3 -> \sqrt{3}. Nothing: no argument follows.
std::optional<std::string> with_braces_of_roots(const std::string& text) {
  const std::vector<std::string> parts = split(text, "\\sqrt");
  std::string result = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (part.empty()) return std::nullopt;
    const std::size_t first = character(part);
    result += part.front() == '{' ? "\\sqrt" + part
                                  : "\\sqrt{" + part.substr(0, first) + "}" + part.substr(first);
  }
  return result;
}

/// \frac12 -> \frac{1}{2}, \frac1{72} -> \frac{1}{72}; as it is where a lone character follows.
/// Nothing: no argument follows.
std::optional<std::string> with_braces_of_fractions(const std::string& text) {
  const std::vector<std::string> parts = split(text, "\\frac");
  std::string result = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    if (part.empty()) return std::nullopt;
    result += "\\frac";
    if (part.front() == '{') {
      result += part;
      continue;
    }
    const std::size_t above = character(part);
    if (above == part.size()) return text;
    const std::size_t below = character(std::string_view(part).substr(above));
    const std::string divisor = part.substr(above, below);
    result += "{" + part.substr(0, above) + "}" + (divisor == "{" ? divisor : "{" + divisor + "}");
    result += part.substr(above + below);
  }
  return result;
}

bool is_integer(std::string_view text) {
  if (text == "0") return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.front() != '0' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string with_fraction_of_slash(const std::string& text) {
  const std::vector<std::string> parts = split(text, "/");
  if (parts.size() != 2 || !is_integer(parts[0]) || !is_integer(parts[1])) return text;
  return "\\frac{" + parts[0] + "}{" + parts[1] + "}";
}

/// The side right of the sign, where left of it is a name of two characters at most.
std::string without_name(const std::string& text) {
  const std::vector<std::string> sides = split(text, "=");
  if (sides.size() != 2) return text;
  const std::size_t first = character(sides[0]);
  const bool is_short =
      first + character(std::string_view(sides[0]).substr(first)) == sides[0].size();
  return is_short ? sides[1] : text;
}

/// Nothing: MATH's own rules fail on it.
std::optional<std::string> normal_form(std::string_view latex) {
  std::string text(latex);
  for (const auto& [from, to] :
       std::initializer_list<std::pair<const char*, const char*>>{{"\n", ""},
                                                                  {"\\!", ""},
                                                                  {"\\\\", "\\"},
                                                                  {"tfrac", "frac"},
                                                                  {"dfrac", "frac"},
                                                                  {"\\left", ""},
                                                                  {"\\right", ""},
                                                                  {"^{\\circ}", ""},
                                                                  {"^\\circ", ""},
                                                                  {"\\$", ""}})
    replace_all(text, from, to);
  const std::vector<std::string> units = split(text, "\\text{ ");
  if (units.size() > 2) return std::nullopt;
  text = units.front();
  for (const auto& [from, to] : std::initializer_list<std::pair<const char*, const char*>>{
           {"\\%", ""}, {"%", ""}, {" .", " 0."}, {"{.", "{0."}})
    replace_all(text, from, to);
  if (text.empty()) return text;
  if (text.front() == '.') text.insert(0, "0");
  std::optional<std::string> braced = with_braces_of_roots(without_name(text));
  if (!braced) return std::nullopt;
  replace_all(*braced, " ", "");
  braced = with_braces_of_fractions(*braced);
  if (!braced) return std::nullopt;
  return *braced == "0.5" ? "\\frac{1}{2}" : with_fraction_of_slash(*braced);
}

std::size_t last_answer_is(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::string_view kAnswer = "answer is";
  const std::size_t at = lower.rfind(kAnswer);
  return at == lower.npos ? at : at + kAnswer.size();
}

}  // namespace

std::optional<std::string> last_boxed(std::string_view text) {
  std::size_t begin = text.rfind("\\boxed");
  if (begin == text.npos) begin = text.rfind("\\fbox");
  if (begin == text.npos) return std::nullopt;
  text.remove_prefix(text.find('x', text.find("box", begin)) + 1);
  if (text.starts_with("ed")) text.remove_prefix(2);
  const bool is_bare = text.starts_with(' ') && !strip(text).starts_with('{');
  text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
  if (is_bare) return std::string(text.substr(0, text.find_first_of("$ \t\r\n")));
  if (!text.starts_with('{')) return std::nullopt;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') ++depth;
    if (text[i] == '}' && --depth == 0) return std::string(strip(text.substr(1, i - 1)));
  }
  return std::nullopt;
}

std::string latex_answer(std::string_view text) {
  text = text.substr(0, text.find(kNextProblem));
  if (std::optional<std::string> boxed = last_boxed(text)) return *boxed;
  const std::size_t at = last_answer_is(text);
  if (at == text.npos) return {};
  text.remove_prefix(at);
  text = strip(text.substr(0, text.find('\n')));
  if (text.starts_with(':')) text = strip(text.substr(1));
  if (text.starts_with('$')) {
    text.remove_prefix(1);
    return std::string(strip(text.substr(0, text.find('$'))));
  }
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(strip(text));
}

bool latex_equal(std::string_view one, std::string_view other) {
  const std::optional<std::string> a = normal_form(one), b = normal_form(other);
  return a && b ? *a == *b : one == other;
}

}  // namespace factsweep::tasks
