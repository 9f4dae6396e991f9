#include "factsweep/data/trim.hpp"

#include <fmt/format.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "letters.hpp"

namespace factsweep {
namespace {

/// Malformed bytes decode to less than 0, which is no character.
bool is_white(UChar32 c) {
  return c >= 0 && is_space(static_cast<char32_t>(c));
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const char* bytes = text.data();
  auto end = static_cast<int32_t>(text.size());
  int32_t begin = 0;
  UChar32 c = 0;
  for (int32_t next = 0; next < end; begin = next) {
    U8_NEXT(bytes, next, end, c);
    if (!is_white(c)) break;
  }
  for (int32_t next = end; next > begin; end = next) {
    U8_PREV(bytes, begin, next, c);
    if (!is_white(c)) break;
  }
  return text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

std::string nfc(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (plain) return std::string(text);
  UErrorCode status = U_ZERO_ERROR;
  const auto size = static_cast<int32_t>(text.size());
  std::u16string units(text.size(), u'\0');
  int32_t length = 0;
  u_strFromUTF8(units.data(), size, &length, text.data(), size, &status);
  if (U_FAILURE(status)) return std::string(text);
  const UNormalizer2* normal = unorm2_getNFCInstance(&status);
  if (unorm2_isNormalized(normal, units.data(), length, &status) != 0 && U_SUCCESS(status))
    return std::string(text);
  constexpr int32_t kLongest = 3;  // units that one of UTF-16 becomes at most
  std::u16string composed(static_cast<std::size_t>(kLongest * length), u'\0');
  length = unorm2_normalize(normal, units.data(), length, composed.data(), kLongest * length,
                            &status);
  std::string result(static_cast<std::size_t>(kLongest * length), '\0');
  int32_t bytes = 0;
  u_strToUTF8(result.data(), static_cast<int32_t>(result.size()), &bytes, composed.data(), length,
              &status);
  if (U_FAILURE(status))
    throw EnvironmentError(fmt::format("ICU cannot compose a text: {}", u_errorName(status)));
  result.resize(static_cast<std::size_t>(bytes));
  return result;
}

std::string readable_answer(std::string_view text) {
  const std::string_view line = trimmed(text.substr(0, text.find('\n')));
  std::string readable;
  const auto size = static_cast<int32_t>(line.size());
  for (int32_t begin = 0, next = 0; begin < size; begin = next) {
    UChar32 c = 0;
    U8_NEXT(line.data(), next, size, c);
    readable += c < 0 ? std::string_view("\uFFFD")
                      : line.substr(static_cast<std::size_t>(begin),
                                    static_cast<std::size_t>(next - begin));
  }
  return readable;
}

}  // namespace factsweep
