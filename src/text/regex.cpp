#include "regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>

#include "factsweep/core/utf8.hpp"

namespace factsweep::text {
namespace {

// Unicode White_Space, and Oniguruma's word characters, which outside brackets also take the
// Latin-1 superscripts and fractions. PCRE2's own \s has U+180E too, and its \w lacks marks;
// spelled out they also work with releases before 10.40.
constexpr std::string_view kSpace = R"(\t-\r\x{85}\p{Z})";
constexpr std::string_view kWord =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189})";
constexpr std::string_view kMoreWord = R"(\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

std::string translate_escape(char escaped, bool in_class) {
  const bool space = escaped == 's' || escaped == 'S';
  const bool word = escaped == 'w' || escaped == 'W';
  const bool negated = escaped == 'S' || escaped == 'W';
  if ((!space && !word) || (negated && in_class)) return {'\\', escaped};
  const std::string_view members = space ? kSpace : kWord;
  if (in_class) return std::string(members);
  return fmt::format("[{}{}{}]", negated ? "^" : "", members, word ? kMoreWord : "");
}

/// Oniguruma's pattern in PCRE2's terms.
std::string translate(std::string_view pattern, std::string_view where) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    const std::string_view next = pattern.substr(i + 1);
    if (c == '\\' && !next.empty()) {
      out += translate_escape(pattern[++i], in_class);
      continue;
    }
    if (in_class && ((c == '[' && !next.starts_with(':')) || (c == '&' && next.starts_with('&')))) {
      throw UnknownComponent(
          fmt::format("{}: the regex '{}' uses nested character classes, which are not supported.",
                      where, pattern));
    }
    if (in_class && c == '[') {  // [:alpha:] inside a class
      const std::size_t end = std::min(pattern.find(":]", i), pattern.size() - 2);
      out += pattern.substr(i, end + 1 - i);
      i = end;
      continue;
    }
    if (c == '[' && !in_class) {
      in_class = true;
      // a bracket that opens the list is a member of it: []a] and [^]a]
      const std::size_t first = next.starts_with('^') ? 1 : 0;
      const std::size_t length = first + (next.substr(first).starts_with(']') ? 1 : 0);
      out += pattern.substr(i, 1 + length);
      i += length;
      continue;
    }
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free(code);
}
void Regex::Free::operator()(pcre2_real_match_data_8* data) const {
  pcre2_match_data_free(data);
}
void Regex::Free::operator()(pcre2_real_match_context_8* context) const {
  pcre2_match_context_free(context);
}
void Regex::Free::operator()(pcre2_real_jit_stack_8* stack) const {
  pcre2_jit_stack_free(stack);
}

Regex::Regex(std::string_view pattern, std::string_view where) {
  // ^ and $ of Oniguruma's Ruby syntax always mean lines
  compile(translate(pattern, where), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, pattern, where);
}

Regex Regex::literal(std::string_view text) {
  Regex regex;
  regex.compile(text, PCRE2_UTF | PCRE2_LITERAL, text, "literal pattern");
  return regex;
}

Regex Regex::from(const Component& pattern) {
  if (pattern.has("String")) return literal(pattern.text("String"));
  if (pattern.has("Regex")) return {pattern.text("Regex"), pattern.at("Regex").where()};
  pattern.fail("a pattern is needed: {\"String\": ...} or {\"Regex\": ...}.");
}

void Regex::compile(std::string_view pattern, std::uint32_t options, std::string_view shown,
                    std::string_view where) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options,
                            &error, &offset, nullptr));
  if (code_ == nullptr) {
    std::array<PCRE2_UCHAR, 256> reason{};
    pcre2_get_error_message(error, reason.data(), reason.size());
    throw InputError(fmt::format("{}: the regex '{}' is not understood: {}.", where, shown,
                                 reinterpret_cast<const char*>(reason.data())));
  }
  match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  context_.reset(pcre2_match_context_create(nullptr));
  // without a just-in-time compiler PCRE2 interprets: slower, same matches
  if (pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE) == 0) {
    stack_.reset(pcre2_jit_stack_create(1 << 15, 1 << 22, nullptr));
    pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }
}

std::optional<Span> Regex::find(std::string_view text, std::size_t from) const {
  const int count = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                from, PCRE2_NO_UTF_CHECK, match_.get(), context_.get());
  if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (count < 0) {
    std::array<PCRE2_UCHAR, 256> reason{};
    pcre2_get_error_message(count, reason.data(), reason.size());
    throw InputError(
        fmt::format("a regex of the tokenizer cannot be matched with a text of {} bytes: {}.",
                    text.size(), reinterpret_cast<const char*>(reason.data())));
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match_.get());
  return Span{offsets[0], offsets[1], true};
}

std::vector<Span> Regex::split(std::string_view text) const {
  std::vector<Span> spans;
  std::size_t done = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const std::optional<Span> match = find(text, from);
    if (!match) break;
    if (match->begin > done) spans.push_back({done, match->begin, false});
    spans.push_back(*match);
    done = match->end;
    // an empty match cuts the text, and the search goes on one character later
    from = match->end;
    if (match->end == match->begin) {
      from += from < text.size() ? std::max<std::size_t>(1, utf8_length(text[from])) : 1;
    }
  }
  if (done < text.size()) spans.push_back({done, text.size(), false});
  return spans;
}

std::string Regex::replace_all(std::string_view text, std::string_view replacement) const {
  std::string out;
  for (const Span& span : split(text)) {
    out += span.matched ? replacement : text.substr(span.begin, span.end - span.begin);
  }
  return out;
}

}  // namespace factsweep::text
