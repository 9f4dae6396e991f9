#include "factsweep/tasks/answer.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <regex>

#include "factsweep/data/answer_matcher.hpp"
#include "latex.hpp"
#include "numbers.hpp"
#include "record.hpp"

namespace factsweep {
namespace {

using tasks::strip;

constexpr double kNumberTolerance = 1e-3;  // LLM-Adapters' evaluate.py
constexpr std::string_view kBegin = "[BEGIN]", kDone = "[DONE]", kFence = "```";

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

/// The part of a text that stays once its answer is certain, and whether it is.
struct Cut {
  std::string_view text;
  bool final = false;
};

Cut cut_code(std::string_view text) {
  const std::size_t done = text.find(kDone);
  const bool is_done = done != std::string_view::npos;
  text = text.substr(0, done);
  std::size_t fence = text.find(kFence);
  if (const std::size_t begin = text.find(kBegin); begin < fence) {
    text.remove_prefix(begin + kBegin.size());
    fence = text.find(kFence);
  }
  if (fence == std::string_view::npos) return {text, is_done};
  const std::size_t line = text.find('\n', fence);  // after "```python"
  if (line == std::string_view::npos) return {{}, is_done};
  text.remove_prefix(line + 1);
  const std::size_t close = text.find(kFence);
  return {text.substr(0, close), is_done || close != std::string_view::npos};
}

std::string collapsed(std::string_view text) {
  std::string result;
  for (const char c : strip(text)) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space || result.back() != ' ') result += space ? ' ' : c;
  }
  return result;
}

/// Where the gold text has several lines, an answer is all of the text.
bool takes_all_lines(const TaskExample& example) {
  return strip(example.output).find('\n') != std::string_view::npos &&
         collapsed(example.output) == collapsed(example.answer);
}

std::string extract_text(const TaskExample& example, std::string_view text) {
  if (takes_all_lines(example)) return collapsed(text);
  text = strip(text);
  return collapsed(text.substr(0, text.find('\n')));
}

bool is_option(char letter, std::size_t options) {
  return letter >= 'A' && static_cast<std::size_t>(letter - 'A') < options;
}

struct Found {
  char letter = 0;      // 0: none
  std::size_t end = 0;  // after the letter
};

/// The first match whose group 1 is the letter of an option.
Found find_letter(std::string_view text, const std::regex& pattern, std::size_t options) {
  using Iterator = std::regex_iterator<std::string_view::const_iterator>;
  for (Iterator match(text.begin(), text.end(), pattern), none; match != none; ++match) {
    const char letter = *(*match)[1].first;
    if (is_option(letter, options))
      return {letter, static_cast<std::size_t>((*match)[1].second - text.begin())};
  }
  return {};
}

const std::regex& opening_letter() {
  static const std::regex pattern(R"(^\s*[\(\[\*"']*([A-Z])[\)\]\*"'.:,;\n])");
  return pattern;
}
/// `subject`, how it goes on, and the letter that it names.
std::regex named_letter(const std::string& subject, const std::string& verb) {
  return std::regex(subject + verb +
                    R"(\s*(?:[Oo]ption|[Cc]hoice)?\s*[\(\[\*"']*([A-Z])(?![A-Za-z0-9]))");
}
const char* const kIs = R"((?:(?: is| would be)\s*:?|\s*:))";

const std::regex& stated_letter() {
  static const std::regex pattern = named_letter("[Aa]nswer(?: to (?:the|this) question)?", kIs);
  return pattern;
}

struct PlacedName {
  std::size_t name = 0;   // its index; the number of names: none is there
  bool may_grow = false;  // what follows the text may make it another one
};

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// The longest name at the first place that has one.
PlacedName place_name(std::string_view text, const std::vector<std::string>& names) {
  const std::string lower = lower_case(std::string(text));
  PlacedName found{.name = names.size()};
  for (std::size_t i = 0; i < lower.size() && found.name == names.size(); ++i) {
    if (i > 0 && is_letter(lower[i - 1])) continue;
    const std::string_view rest = std::string_view(lower).substr(i);
    std::size_t longest = 0;
    for (std::size_t n = 0; n < names.size(); ++n) {
      const std::string name = lower_case(names[n]);
      found.may_grow = found.may_grow || (name.size() > rest.size() && name.starts_with(rest));
      if (name.size() <= longest || !rest.starts_with(name)) continue;
      longest = name.size();
      found.name = n;
    }
  }
  return found;
}

}  // namespace

std::string first_option_letter(std::string_view text, std::size_t options) {
  // "option A" alone may be the one that a text rejects: what it ends in comes first
  static const std::regex chosen = named_letter("(?:[Oo]ption|[Cc]hoice)", kIs);
  static const std::regex mentioned = named_letter("(?:[Aa]nswer|[Oo]ption|[Cc]hoice)", "");
  static const std::regex closing(R"((?:^|[\s:,\(\*])([A-Z])[\)\*.,]*\s*$)");
  static const std::regex alone(R"((?:^|[\s\(\*])([A-Z])(?=$|[\s.,:;\)\*]))");
  static const std::regex before_colon(R"(([A-Z]):)"), anywhere(R"(([A-Z]))");
  for (const std::regex* pattern : {&opening_letter(), &stated_letter(), &chosen, &closing,
                                    &mentioned, &alone, &before_colon, &anywhere}) {
    if (const Found found = find_letter(text, *pattern, options); found.letter != 0)
      return std::string(1, found.letter);
  }
  return {};
}

std::string first_name(std::string_view text, const std::vector<std::string>& names) {
  const std::size_t found = place_name(text, names).name;
  return found < names.size() ? names[found] : std::string();
}

std::string extract_code(std::string_view text) {
  std::string code;
  for (const char c : cut_code(text).text) {
    if (c != '\r') code += c;
  }
  // blanks at the beginning are Python's business, empty lines are not
  const std::size_t first = code.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  const std::size_t line = code.rfind('\n', first);
  code.erase(0, line == std::string::npos ? 0 : line + 1);
  code.erase(code.find_last_not_of(" \t\n") + 1);
  return code;
}

std::string extract_answer(TaskKind kind, const TaskExample& example, std::string_view text) {
  switch (kind) {
    case TaskKind::letter:
      return first_option_letter(text, example.names.size());
    case TaskKind::name:
      return first_name(text, example.names);
    case TaskKind::number:
      return last_number(text, /*fractions=*/example.answer.find('/') != std::string::npos);
    case TaskKind::text:
      return extract_text(example, text);
    case TaskKind::code:
      return extract_code(text);
    case TaskKind::latex:
      return tasks::latex_answer(text);
    case TaskKind::choice:
      return std::string(text);
  }
  return {};
}

bool answer_is_final(TaskKind kind, const TaskExample& example, std::string_view text) {
  switch (kind) {
    case TaskKind::letter: {
      const std::size_t options = example.names.size();
      if (find_letter(text, opening_letter(), options).letter != 0) return true;
      const Found stated = find_letter(text, stated_letter(), options);
      return stated.letter != 0 && stated.end < text.size();
    }
    case TaskKind::name: {
      const PlacedName found = place_name(text, example.names);
      return found.name < example.names.size() && !found.may_grow;
    }
    case TaskKind::number:
      return tasks::number_end(text) != std::string_view::npos;
    case TaskKind::text: {
      const std::size_t begin = text.find_first_not_of(" \t\r\n\f\v");
      return begin != std::string_view::npos && !takes_all_lines(example) &&
             text.find('\n', begin) != std::string_view::npos;
    }
    case TaskKind::code:
      return cut_code(text).final;
    case TaskKind::latex:
      return text.find(tasks::kNextProblem) != std::string_view::npos;
    case TaskKind::choice:
      return true;
  }
  return false;
}

bool answer_matches(TaskKind kind, const TaskExample& example, std::string_view answer) {
  if (answer.empty()) return false;
  if (kind == TaskKind::text) return AnswerMatcher::make("squad", example.answer)->matches(answer);
  if (kind == TaskKind::latex) return tasks::latex_equal(answer, example.answer);
  if (kind != TaskKind::number) return answer == example.answer;
  return std::abs(number_value(answer) - number_value(example.answer)) <= kNumberTolerance;
}

}  // namespace factsweep
