// The regular expressions of tokenizer.json (Oniguruma, Unicode) on PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "component.hpp"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace factsweep::text {

/// Bytes [begin, end) of a text.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool matched = false;
};

class Regex {
 public:
  /// InputError naming `where` when the pattern is not understood.
  Regex(std::string_view pattern, std::string_view where);
  /// Matches exactly these bytes.
  static Regex literal(std::string_view text);
  /// `{"Regex": "..."}` or `{"String": "..."}`, the form of the `pattern` key.
  static Regex from(const Component& pattern);

  /// Appends the whole text as spans in order, matches and what lies between them. `text` must be
  /// valid UTF-8. InputError when the pattern backtracks without end.
  void split(std::string_view text, std::vector<Span>& spans) const;
  std::string replace_all(std::string_view text, std::string_view replacement) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
    void operator()(pcre2_real_match_data_8* data) const;
    void operator()(pcre2_real_match_context_8* context) const;
    void operator()(pcre2_real_jit_stack_8* stack) const;
  };
  Regex() = default;
  void compile(std::string_view pattern, std::uint32_t options, std::string_view shown,
               std::string_view where);
  std::optional<Span> find(std::string_view text, std::size_t from) const;

  std::string where_;
  std::unique_ptr<pcre2_real_code_8, Free> code_;
  std::unique_ptr<pcre2_real_match_data_8, Free> match_;
  std::unique_ptr<pcre2_real_jit_stack_8, Free> stack_;
  std::unique_ptr<pcre2_real_match_context_8, Free> context_;
};

}  // namespace factsweep::text
