#include "regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>

#include "factsweep/core/utf8.hpp"
#include "regex_syntax.hpp"

namespace factsweep::text {
namespace {

constexpr std::uint32_t kMatchLimit = 10'000'000;

std::string reason_of(int error) {
  std::array<PCRE2_UCHAR, 256> reason{};
  pcre2_get_error_message(error, reason.data(), reason.size());
  return reinterpret_cast<const char*>(reason.data());
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
  // ^ and $ always mean lines
  compile(translate_regex(pattern), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, pattern, where);
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
  where_ = where;
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options,
                            &error, &offset, nullptr));
  if (code_ == nullptr) {
    throw InputError(
        fmt::format("{}: the regex '{}' is not understood: {}.", where, shown, reason_of(error)));
  }
  match_.reset(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
  context_.reset(pcre2_match_context_create(nullptr));
  // a pattern that backtracks without end is an error after about a second
  pcre2_set_match_limit(context_.get(), kMatchLimit);
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
    throw InputError(fmt::format("{}: the regex cannot be matched with a text of {} bytes: {}.",
                                 where_, text.size(), reason_of(count)));
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(match_.get());
  return Span{offsets[0], offsets[1], true};
}

void Regex::split(std::string_view text, std::vector<Span>& spans) const {
  constexpr std::size_t kNowhere = ~std::size_t{0};
  std::size_t done = 0;
  std::size_t last_end = kNowhere;
  for (std::size_t from = 0; from <= text.size();) {
    const std::optional<Span> match = find(text, from);
    if (!match) break;
    const bool empty = match->end == match->begin;
    // an empty match right after another one does not count
    if (!empty || match->end != last_end) {
      if (match->begin > done) spans.push_back({done, match->begin, false});
      spans.push_back(*match);
      done = last_end = match->end;
    }
    from = match->end;
    if (empty) from += from < text.size() ? std::max<std::size_t>(1, utf8_length(text[from])) : 1;
  }
  if (done < text.size()) spans.push_back({done, text.size(), false});
}

std::string Regex::replace_all(std::string_view text, std::string_view replacement) const {
  std::vector<Span> spans;
  split(text, spans);
  std::string out;
  out.reserve(text.size());
  for (const Span& span : spans) {
    out += span.matched ? replacement : text.substr(span.begin, span.end - span.begin);
  }
  return out;
}

}  // namespace factsweep::text
