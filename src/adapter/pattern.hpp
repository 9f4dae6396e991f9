// Python's regular expressions, as PEFT matches module names with them, on PCRE2.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace factsweep {

class Pattern {
 public:
  enum class Extent { whole, beginning };  // re.fullmatch, re.match

  /// InputError naming `where` when the pattern is not understood.
  Pattern(std::string_view pattern, Extent extent, std::string_view where);
  bool matches(std::string_view text) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

}  // namespace factsweep
