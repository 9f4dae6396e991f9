#include "pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <array>

#include "factsweep/core/error.hpp"

namespace factsweep {

void Pattern::Free::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free(code);
}

Pattern::Pattern(std::string_view pattern, Extent extent, std::string_view where) {
  const std::uint32_t whole = extent == Extent::whole ? PCRE2_ENDANCHORED : 0;
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                            PCRE2_UTF | PCRE2_ANCHORED | whole, &error, &offset, nullptr));
  if (code_ != nullptr) return;
  std::array<PCRE2_UCHAR, 256> reason{};
  pcre2_get_error_message(error, reason.data(), reason.size());
  throw InputError(fmt::format("{}: the regular expression '{}' is not understood: {} at {}.",
                               where, pattern, reinterpret_cast<const char*>(reason.data()),
                               offset));
}

bool Pattern::matches(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  // 0: the match has more groups than asked for
  const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                0, 0, match.get(), nullptr);
  if (found < 0 && found != PCRE2_ERROR_NOMATCH) {
    throw InputError(fmt::format(
        "a regular expression gave up on the module name '{}' (PCRE2 error {}). Simplify it.", text,
        found));
  }
  return found >= 0;
}

}  // namespace factsweep
