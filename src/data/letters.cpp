#include "letters.hpp"

#include <fmt/format.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <utility>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

constexpr char32_t kFinalSigma = 0x3c2;
constexpr char32_t kSigma = 0x3c3;
constexpr char32_t kFirstDecomposed = 0xc0;  // no character before it has a canonical decomposition

std::u32string decode(std::string_view text) {
  std::u32string letters;
  letters.reserve(text.size());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 decoded = 0;
    U8_NEXT_OR_FFFD(text.data(), i, size, decoded);
    letters += static_cast<char32_t>(decoded);
  }
  return letters;
}

std::u16string utf16(std::u32string_view letters) {
  std::u16string units;
  for (const char32_t c : letters) {
    std::array<char16_t, U16_MAX_LENGTH> pair;
    std::size_t count = 0;
    U16_APPEND_UNSAFE(pair, count, c);
    units.append(pair.data(), count);
  }
  return units;
}

std::u32string utf32(std::u16string_view units) {
  std::u32string letters;
  for (std::size_t i = 0; i < units.size();) {
    char32_t c = 0;
    U16_NEXT_UNSAFE(units, i, c);
    letters += c;
  }
  return letters;
}

int combining_class(char32_t c) {
  return c < kFirstDecomposed ? 0 : u_getCombiningClass(static_cast<UChar32>(c));
}

/// Each character by itself; a capital I with a dot in two characters is one in Turkish.
std::u32string case_folded(std::u32string_view letters, bool turkish) {
  constexpr char32_t kDot = 0x307;
  std::u32string folded;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const bool is_dotted =
        turkish && letters[i] == U'I' && i + 1 < letters.size() && letters[i + 1] == kDot;
    if (is_dotted) {
      folded += U'i';
      ++i;
      continue;
    }
    const std::u16string one = utf16(letters.substr(i, 1));
    std::array<char16_t, 8> mapped;
    UErrorCode status = U_ZERO_ERROR;
    const int32_t size =
        u_strFoldCase(mapped.data(), static_cast<int32_t>(mapped.size()), one.data(),
                      static_cast<int32_t>(one.size()),
                      turkish ? U_FOLD_CASE_EXCLUDE_SPECIAL_I : U_FOLD_CASE_DEFAULT, &status);
    if (U_FAILURE(status))
      throw EnvironmentError(fmt::format("ICU cannot fold a text: {}", u_errorName(status)));
    folded += utf32(std::u16string_view(mapped.data(), static_cast<std::size_t>(size)));
  }
  return folded;
}

std::u32string decomposed(std::u32string letters, bool compatible) {
  const auto composed = [](char32_t c) { return c >= kFirstDecomposed; };
  if (std::none_of(letters.begin(), letters.end(), composed)) return letters;
  // units that one of UTF-16 becomes at most
  const std::size_t longest = compatible ? 18 : 4;
  const std::u16string before = utf16(letters);
  std::u16string after(longest * before.size(), u'\0');
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* nfd =
      compatible ? unorm2_getNFKDInstance(&status) : unorm2_getNFDInstance(&status);
  const int32_t size =
      unorm2_normalize(nfd, before.data(), static_cast<int32_t>(before.size()), after.data(),
                       static_cast<int32_t>(after.size()), &status);
  if (U_FAILURE(status))
    throw EnvironmentError(fmt::format("ICU cannot decompose a text: {}", u_errorName(status)));
  return utf32(std::u16string_view(after).substr(0, static_cast<std::size_t>(size)));
}

}  // namespace

std::u32string decomposed(std::string_view text, bool compatible) {
  return decomposed(decode(text), compatible);
}

std::u32string letters_of(std::string_view text, const LetterRules& rules) {
  std::u32string letters = decode(text);
  if (rules.folded) letters = case_folded(letters, rules.turkish);
  letters = decomposed(std::move(letters), rules.compatible);
  // what was one character with another's case in it is two now
  if (rules.folded && rules.compatible) letters = case_folded(letters, rules.turkish);
  // below are nukta, kana's voicing and virama, without which a letter is another one
  constexpr int kFirstAccent = 10;
  if (!rules.accents)
    std::erase_if(letters, [](char32_t c) { return combining_class(c) >= kFirstAccent; });
  return letters;
}

std::u32string lower_case(std::u32string letters) {
  for (char32_t& c : letters) {
    c = static_cast<char32_t>(u_tolower(static_cast<UChar32>(c)));
    if (c == kFinalSigma) c = kSigma;
  }
  return letters;
}

// The marks after a character are sorted by class, those of one class keep their order. So all but
// the last marks of `begun` stand fast, and the last ones of each class must begin `whole`'s.
bool may_grow_into(std::u32string_view begun, std::u32string_view whole) {
  if (whole.starts_with(begun)) return true;
  std::size_t marks = begun.size();
  while (marks > 0 && combining_class(begun[marks - 1]) != 0) --marks;
  if (!whole.starts_with(begun.substr(0, marks))) return false;
  std::size_t next = marks;
  for (const char32_t mark : begun.substr(marks)) {
    const int its_class = combining_class(mark);
    while (next < whole.size() && combining_class(whole[next]) != 0 &&
           combining_class(whole[next]) < its_class)
      ++next;
    if (next == whole.size() || whole[next] != mark) return false;
    ++next;
  }
  return true;
}

bool is_word(char32_t c) {
  return (U_GET_GC_MASK(static_cast<UChar32>(c)) & (U_GC_L_MASK | U_GC_N_MASK | U_GC_M_MASK)) != 0;
}

bool is_space(char32_t c) {
  const bool separator = c >= 0x1c && c <= 0x1f;  // white space for Python, not for Unicode
  return separator || u_isUWhiteSpace(static_cast<UChar32>(c)) != 0;
}

bool is_ascii_punctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

bool is_punctuation(char32_t c) {
  return is_ascii_punctuation(c) || u_ispunct(static_cast<UChar32>(c)) != 0;
}

bool is_unspaced(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(static_cast<UChar32>(c), &status)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      return false;
  }
}

bool inside_word(std::string_view text, std::size_t offset) {
  // Korean words have spaces between them, but particles are written onto them without one
  const auto ends_words = [](UChar32 c) {
    UErrorCode status = U_ZERO_ERROR;
    return is_unspaced(static_cast<char32_t>(c)) || uscript_getScript(c, &status) == USCRIPT_HANGUL;
  };
  const auto size = static_cast<int32_t>(text.size());
  auto before = static_cast<int32_t>(offset), after = before;
  if (before == 0 || after == size) return false;
  UChar32 last = 0, next = 0;
  U8_PREV(text.data(), 0, before, last);
  U8_NEXT(text.data(), after, size, next);
  const auto is_spaced_word = [&](UChar32 c) {
    return c >= 0 && is_word(static_cast<char32_t>(c)) && !ends_words(c);
  };
  return is_spaced_word(last) && is_spaced_word(next);
}

bool joins_before(char32_t c) {
  const bool hangul = (c >= 0x1161 && c <= 0x1175) || (c >= 0x11a8 && c <= 0x11c2);
  return hangul || combining_class(c) != 0;
}

std::u32string_view without_leading_space(std::u32string_view letters) {
  const auto first = std::find_if_not(letters.begin(), letters.end(), is_space);
  return letters.substr(static_cast<std::size_t>(first - letters.begin()));
}

std::u32string_view stripped(std::u32string_view letters) {
  while (!letters.empty() && is_space(letters.back())) letters.remove_suffix(1);
  return without_leading_space(letters);
}

std::string_view stripped(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  int32_t end = static_cast<int32_t>(text.size()), begin = 0;
  const auto space_between = [&](int32_t from, int32_t to) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(bytes, from, to, c);
    return is_space(static_cast<char32_t>(c));
  };
  while (begin < end) {
    int32_t next = begin;
    U8_FWD_1(bytes, next, end);
    if (!space_between(begin, next)) break;
    begin = next;
  }
  while (begin < end) {
    int32_t last = end;
    U8_BACK_1(bytes, begin, last);
    if (!space_between(last, end)) break;
    end = last;
  }
  return text.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

}  // namespace factsweep
