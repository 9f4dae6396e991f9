#include "letters.hpp"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace factsweep {
namespace {

constexpr char32_t kCapitalDottedI = 0x130;  // lower case is two characters: i and a combining dot
constexpr char32_t kCombiningDot = 0x307;
constexpr char32_t kFinalSigma = 0x3c2;
constexpr char32_t kSigma = 0x3c3;

}  // namespace

std::u32string lower_case(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  const char* bytes = text.data();
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 decoded = 0;
    U8_NEXT_OR_FFFD(bytes, i, size, decoded);
    const auto c = static_cast<char32_t>(u_tolower(decoded));
    if (static_cast<char32_t>(decoded) == kCapitalDottedI) {
      result += {U'i', kCombiningDot};
    } else {
      result += c == kFinalSigma ? kSigma : c;
    }
  }
  return result;
}

bool is_word(char32_t c) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_N_MASK)) != 0;
}

bool is_space(char32_t c) {
  const bool separator = c >= 0x1c && c <= 0x1f;  // white space for Python, not for Unicode
  return separator || u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_ascii_punctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

}  // namespace factsweep
