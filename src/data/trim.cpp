#include "factsweep/data/trim.hpp"

#include <unicode/utf8.h>

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
