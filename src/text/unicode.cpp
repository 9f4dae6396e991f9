#include "unicode.hpp"

#include <fmt/format.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cctype>

#include "characters.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep::text {
namespace {

// ICU's macros count in int32_t; nobody encodes 2 GB at once, but a silent wrap would be ugly
std::int32_t length_of(std::string_view text) {
  require(text.size() < (1u << 30), "a text of more than 1 GB cannot be tokenized at once");
  return static_cast<std::int32_t>(text.size());
}

const icu::Normalizer2& newest(NormalForm form, UErrorCode& status) {
  switch (form) {
    case NormalForm::nfc:
      return *icu::Normalizer2::getNFCInstance(status);
    case NormalForm::nfd:
      return *icu::Normalizer2::getNFDInstance(status);
    case NormalForm::nfkc:
      return *icu::Normalizer2::getNFKCInstance(status);
    case NormalForm::nfkd:
      return *icu::Normalizer2::getNFKDInstance(status);
  }
  throw BugError("normalizer: no such form");
}

void check(UErrorCode status, std::string_view what) {
  if (U_FAILURE(status)) {
    throw EnvironmentError(fmt::format("ICU cannot {}: {}", what, u_errorName(status)));
  }
}

const icu::UnicodeSet& characters_of_unicode_9() {
  static const icu::UnicodeSet set = [] {
    UErrorCode status = U_ZERO_ERROR;
    icu::UnicodeSet known;
    known.applyPropertyAlias("age", "9.0", status);
    check(status, "list the characters of Unicode 9");
    known.freeze();
    return known;
  }();
  return set;
}

int age(char32_t character) {
  UVersionInfo version;
  u_charAge(static_cast<UChar32>(character), version);
  return version[0];
}

/// Whether the general category is one of `mask` and was already in Unicode `version`.
bool is_of(char32_t character, std::uint32_t mask, int version) {
  return (U_GET_GC_MASK(static_cast<UChar32>(character)) & mask) != 0 &&
         age(character) <= version && age(character) > 0;
}

void append(std::string& out, char32_t character) {
  char buffer[U8_MAX_LENGTH];
  std::int32_t used = 0;
  U8_APPEND_UNSAFE(buffer, used, character);
  out.append(buffer, used);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string normalize(NormalForm form, std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2& unrestricted = newest(form, status);
  check(status, "load its normalization data");
  const icu::FilteredNormalizer2 normalizer(unrestricted, characters_of_unicode_9());
  std::string out;
  icu::StringByteSink<std::string> sink(&out, length_of(text));
  normalizer.normalizeUTF8(0, icu::StringPiece(text.data(), length_of(text)), sink, nullptr,
                           status);
  check(status, "normalize text");
  return out;
}

std::string lowercase(std::string_view text) {
  constexpr char32_t kCapitalIWithDot =
      0x130;  // the only letter whose lower case is two characters
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t character, std::string_view) {
    if (character < 0x80) {
      const bool capital = character >= 'A' && character <= 'Z';
      out += static_cast<char>(capital ? character + ('a' - 'A') : character);
    } else if (character == kCapitalIWithDot) {
      out += "i\u0307";
    } else {
      append(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(character))));
    }
  });
  return out;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const std::int32_t length = length_of(text);
  for (std::int32_t i = 0; i < length;) {
    const std::int32_t begin = i;
    UChar32 character = 0;
    U8_NEXT(text.data(), i, length, character);
    if (character < 0) {
      out += "\ufffd";
    } else {
      out.append(text, begin, i - begin);
    }
  }
  return out;
}

bool is_valid_utf8(std::string_view text) {
  if (is_ascii(text)) return true;
  const std::int32_t length = length_of(text);
  for (std::int32_t i = 0; i < length;) {
    UChar32 character = 0;
    U8_NEXT(text.data(), i, length, character);
    if (character < 0) return false;
  }
  return true;
}

bool is_word(char32_t character) {
  const auto code = static_cast<UChar32>(character);
  return u_hasBinaryProperty(code, UCHAR_ALPHABETIC) ||
         (U_GET_GC_MASK(code) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL);
}

bool is_space(char32_t character) {
  return u_isUWhiteSpace(static_cast<UChar32>(character));
}

bool is_number(char32_t character) {
  return (U_GET_GC_MASK(static_cast<UChar32>(character)) & U_GC_N_MASK) != 0;
}

bool is_punctuation(char32_t character) {
  if (character < 0x80) return std::ispunct(static_cast<int>(character)) != 0;
  // two that have changed category since
  return character == 0x166d || character == 0x111c9 || is_of(character, U_GC_P_MASK, 8);
}

bool is_bert_control(char32_t character) {
  if (character == '\t' || character == '\n' || character == '\r') return false;
  constexpr std::uint32_t kMask = U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK;
  return character == 0xfffd || is_of(character, kMask, 8);
}

bool is_bert_accent(char32_t character) {
  // these have become marks since, or are none any more
  if (character == 0x1885 || character == 0x1886 || character == 0xa9bd || character == 0x111c9) {
    return false;
  }
  return character == 0x1734 || is_of(character, U_GC_MN_MASK, 8);
}

bool is_accent(char32_t character) {
  if (character == 0x111c9) return false;
  return character == 0x1cf2 || character == 0x1cf3 || is_of(character, U_GC_M_MASK, 9);
}

int script_of(char32_t character) {
  constexpr char32_t kProlongedSoundMark = 0x30fc;
  if (character == ' ') return kAnyScript;
  if (character == kProlongedSoundMark) return USCRIPT_HAN;
  // these have changed script since
  if (character == 0x953 || character == 0x954) return USCRIPT_DEVANAGARI;
  if (character == 0x589 || character == 0x61c) return USCRIPT_COMMON;
  if (age(character) > 9) return kAnyScript;
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(character), &status);
  if (U_FAILURE(status) || script == USCRIPT_UNKNOWN) return kAnyScript;
  return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA ? USCRIPT_HAN : script;
}

bool starts_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::int32_t i = 0;
  UChar32 character = 0;
  U8_NEXT_OR_FFFD(text.data(), i, length_of(text), character);
  return is_word(static_cast<char32_t>(character));
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::int32_t i = length_of(text);
  UChar32 character = 0;
  U8_PREV_OR_FFFD(text.data(), 0, i, character);
  return is_word(static_cast<char32_t>(character));
}

std::size_t leading_space(std::string_view text) {
  const std::int32_t length = length_of(text);
  for (std::int32_t i = 0; i < length;) {
    const std::int32_t begin = i;
    UChar32 character = 0;
    U8_NEXT_OR_FFFD(text.data(), i, length, character);
    if (!u_isUWhiteSpace(character)) return begin;
  }
  return text.size();
}

std::size_t trailing_space(std::string_view text) {
  for (std::int32_t i = length_of(text); i > 0;) {
    const std::int32_t end = i;
    UChar32 character = 0;
    U8_PREV_OR_FFFD(text.data(), 0, i, character);
    if (!u_isUWhiteSpace(character)) return text.size() - end;
  }
  return text.size();
}

}  // namespace factsweep::text
