#include "regex_syntax.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <utility>
#include <vector>

namespace factsweep::text {
namespace {

// Unicode White_Space, and Oniguruma's word characters, which outside brackets also take the
// Latin-1 superscripts and fractions. PCRE2's own \s has U+180E too, and its \w lacks marks;
// spelled out they also work with releases before 10.40.
constexpr std::string_view kSpace = R"(\t-\r\x{85}\p{Z})";
constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
constexpr std::string_view kMoreWord = R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";
constexpr const char* kAny = "(?s:.)";  // a character, newlines too
constexpr int kDeepest = 50;            // nested classes

/// Names in brackets that mean more to Oniguruma than to PCRE2.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kBrackets = {{
    {"[:alpha:]", R"(\p{Alphabetic})"},
    {"[:alnum:]", R"(\p{Alphabetic}\p{Nd})"},
    {"[:digit:]", R"(\p{Nd})"},
    {"[:upper:]", R"(\p{Uppercase})"},
    {"[:lower:]", R"(\p{Lowercase})"},
    {"[:punct:]", R"(\p{P}\p{S})"},
    {"[:space:]", kSpace},
    {"[:word:]", kWord},
}};

/// Names of properties that PCRE2 calls otherwise.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kProperties = {{
    {"letter", "L"},
    {"mark", "M"},
    {"number", "N"},
    {"punctuation", "P"},
    {"punct", "P"},
    {"symbol", "S"},
    {"separator", "Z"},
    {"other", "C"},
    {"digit", "Nd"},
    {"alpha", "Alphabetic"},
    {"upper", "Uppercase"},
    {"lower", "Lowercase"},
}};

struct ClassParts;

char lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}
  std::string run();

 private:
  bool at(std::string_view text) const { return in_.substr(i_).starts_with(text); }
  void atom(std::string text);
  void escape();
  std::string escaped_members(char escaped);
  std::string property();
  void group();
  void quantifier();
  std::string code_unit();
  std::string bracket_name();
  void class_escape(ClassParts& parts);
  std::string char_class(int depth);

  std::string_view in_;
  std::size_t i_ = 0;
  std::string out_;
  std::size_t atom_ = 0;  // where the last atom begins in out_: what a quantifier repeats
  std::vector<std::size_t> groups_;
};

std::string Translator::run() {
  while (i_ < in_.size()) {
    const char c = in_[i_];
    if (c == '\\') {
      escape();
    } else if (c == '[') {
      atom(char_class(0));
    } else if (c == '(') {
      group();
    } else if (c == ')') {
      out_ += in_[i_++];
      if (groups_.empty()) continue;  // PCRE2 will complain
      atom_ = groups_.back();
      groups_.pop_back();
    } else if (c == '{') {
      quantifier();
    } else {
      if ((static_cast<unsigned char>(c) & 0xc0) != 0x80 && c != '*' && c != '+' && c != '?') {
        atom_ = out_.size();
      }
      out_ += in_[i_++];
    }
  }
  return std::move(out_);
}

void Translator::atom(std::string text) {
  atom_ = out_.size();
  out_ += text;
}

void Translator::group() {
  groups_.push_back(out_.size());
  out_ += in_[i_++];
  if (!at("?")) return;
  // the option m of Ruby is s elsewhere
  std::size_t end = i_ + 1;
  while (end < in_.size() &&
         (std::isalpha(static_cast<unsigned char>(in_[end])) != 0 || in_[end] == '-')) {
    ++end;
  }
  const bool has_options = end < in_.size() && (in_[end] == ':' || in_[end] == ')');
  for (; has_options && i_ < end; ++i_) out_ += in_[i_] == 'm' ? 's' : in_[i_];
}

void Translator::quantifier() {
  const std::size_t close = in_.find('}', i_);
  const std::string_view inside =
      close == in_.npos ? std::string_view() : in_.substr(i_ + 1, close - i_ - 1);
  const bool counts =
      !inside.empty() && inside != "," && inside.find_first_not_of("0123456789,") == inside.npos;
  if (!counts) {
    atom("{");
    ++i_;
    return;
  }
  i_ = close + 1;
  const std::string_view zero = inside.starts_with(',') ? "0" : "";
  out_ += fmt::format("{{{}{}}}", zero, inside);
  if (at("+")) {  // repeats the repetition, where Perl forbids it to step back
    out_.insert(atom_, "(?:");
    out_ += ")+";
    ++i_;
  }
}

std::string Translator::property() {
  // in_[i_] is the p of \p{...} or \P{...}
  const std::size_t close = in_.find('}', i_);
  if (i_ + 1 >= in_.size() || in_[i_ + 1] != '{' || close == in_.npos) {
    return fmt::format("\\{}", in_[i_++]);
  }
  std::string_view name = in_.substr(i_ + 2, close - i_ - 2);
  const std::string_view inverted = name.starts_with('^') ? "^" : "";
  name.remove_prefix(inverted.size());
  std::string plain;
  for (const char c : name) {
    if (c != '_' && c != '-' && c != ' ') plain += lower(c);
  }
  for (const auto& [long_name, known] : kProperties) {
    if (plain == long_name) name = known;
  }
  const std::string out = fmt::format("\\{}{{{}{}}}", in_[i_], inverted, name);
  i_ = close + 1;
  return out;
}

/// \uHHHH; in_[i_] is the u.
std::string Translator::code_unit() {
  const std::string digits(in_.substr(i_ + 1, 4));
  i_ += 1 + digits.size();
  return fmt::format("\\x{{{}}}", digits);
}

/// What an escape stands for inside brackets; empty where it is no set.
std::string Translator::escaped_members(char escaped) {
  switch (escaped) {
    case 's':
      return std::string(kSpace);
    case 'w':
      return std::string(kWord);
    case 'h':
      return "0-9A-Fa-f";
    case 'v':
      return "\\x{0b}";
    default:
      return {};
  }
}

void Translator::escape() {
  if (++i_ >= in_.size()) {
    out_ += '\\';
    return;
  }
  const char escaped = in_[i_];
  if (lower(escaped) == 'p') return atom(property());
  if (escaped == 'u') return atom(code_unit());
  if (escaped == 'Q') {  // quoted until \E
    const std::size_t end = in_.find("\\E", i_);
    const std::size_t stop = end == in_.npos ? in_.size() : end + 2;
    atom(fmt::format("\\{}", in_.substr(i_, stop - i_)));
    i_ = stop;
    return;
  }
  ++i_;
  if (lower(escaped) == 'b') {
    const std::string word = fmt::format("[{}{}]", kWord, kMoreWord);
    const auto edge = [&](const char* form) {
      return fmt::format(fmt::runtime(form), fmt::arg("w", word));
    };
    return atom(escaped == 'b' ? edge("(?:(?<={w})(?!{w})|(?<!{w})(?={w}))")
                               : edge("(?:(?<={w})(?={w})|(?<!{w})(?!{w}))"));
  }
  const std::string members = escaped_members(lower(escaped));
  if (members.empty() || escaped == 'V') {
    if (escaped == 'O') return atom(kAny);
    // a character of several bytes may be escaped too: its other bytes follow as they are
    return atom({'\\', escaped});
  }
  atom(fmt::format("[{}{}{}]", lower(escaped) == escaped ? "" : "^", members,
                   lower(escaped) == 'w' ? kMoreWord : std::string_view()));
}

/// What a class consists of: single members, classes inside it, and the parts before each &&.
struct ClassParts {
  std::string members;
  std::vector<std::string> nested;
  std::vector<std::string> finished;

  bool is_simple() const { return finished.empty() && nested.empty(); }

  void finish() {
    std::string part = members.empty() ? "(?!)" : fmt::format("[{}]", members);
    for (const std::string& inner : nested) part += "|" + inner;
    finished.push_back(nested.empty() ? part : fmt::format("(?:{})", part));
    nested.clear();
    members.clear();
  }

  std::string text(bool negated) {
    if (is_simple() && !members.empty()) {
      return fmt::format("[{}{}]", negated ? "^" : "", members);
    }
    finish();
    std::string all;
    for (std::size_t i = 0; i + 1 < finished.size(); ++i) {
      all += fmt::format("(?={})", finished[i]);
    }
    all += finished.back();
    return negated ? fmt::format("(?:(?!{}){})", all, kAny) : fmt::format("(?:{})", all);
  }
};

/// [:alpha:] inside a class.
std::string Translator::bracket_name() {
  const std::size_t end = in_.find(":]", i_) + 2;
  const std::string_view name = in_.substr(i_, end - i_);
  i_ = end;
  for (const auto& [bracket, members] : kBrackets) {
    if (name == bracket) return std::string(members);
  }
  return std::string(name);
}

void Translator::class_escape(ClassParts& parts) {
  const char escaped = in_[++i_];
  if (lower(escaped) == 'p') {
    parts.members += property();
    return;
  }
  if (escaped == 'u') {
    parts.members += code_unit();
    return;
  }
  ++i_;
  const std::string set = escaped_members(lower(escaped));
  if (set.empty() || escaped == 'V') {
    parts.members += {'\\', escaped};
  } else if (lower(escaped) == escaped) {
    parts.members += set;
  } else {
    parts.nested.push_back(fmt::format("[^{}]", set));
  }
}

/// A class as one atom. Nested classes and intersections, which PCRE2 lacks, become alternatives
/// and lookaheads; a class without them stays a class.
std::string Translator::char_class(int depth) {
  ++i_;  // the bracket
  const bool negated = at("^");
  if (negated) ++i_;
  ClassParts parts;
  // a bracket that opens the list is a member of it: []a] and [^]a]
  for (bool first = true; i_ < in_.size() && (in_[i_] != ']' || first); first = false) {
    if (at("[:") && in_.find(":]", i_) != in_.npos) {
      parts.members += bracket_name();
    } else if (at("[") && depth < kDeepest) {
      const std::string inner = char_class(depth + 1);
      if (inner.starts_with('[') && !inner.starts_with("[^")) {
        parts.members += inner.substr(1, inner.size() - 2);
      } else {
        parts.nested.push_back(inner);
      }
    } else if (at("&&")) {
      i_ += 2;
      parts.finish();
    } else if (at("\\") && i_ + 1 < in_.size()) {
      class_escape(parts);
    } else {
      if (in_[i_] == '[' || in_[i_] == ']') parts.members += '\\';
      parts.members += in_[i_++];
    }
  }
  if (i_ >= in_.size()) return "[";  // never closed: PCRE2 will complain
  ++i_;
  return parts.text(negated);
}

}  // namespace

std::string translate_regex(std::string_view pattern) {
  return Translator(pattern).run();
}

}  // namespace factsweep::text
