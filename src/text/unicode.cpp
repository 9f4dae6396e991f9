#include "unicode.hpp"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "factsweep/core/error.hpp"

namespace factsweep::text {
namespace {

// ICU's macros count in int32_t; nobody encodes 2 GB at once, but a silent wrap would be ugly
std::int32_t length_of(std::string_view text) {
  require(text.size() < (1u << 30), "a text of more than 1 GB cannot be tokenized at once");
  return static_cast<std::int32_t>(text.size());
}

const icu::Normalizer2& normalizer(NormalForm form, UErrorCode& status) {
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

void append(std::string& out, UChar32 character) {
  char buffer[U8_MAX_LENGTH];
  std::int32_t used = 0;
  U8_APPEND_UNSAFE(buffer, used, character);
  out.append(buffer, used);
}

bool is_word(UChar32 character) {
  const auto mask = U_GET_GC_MASK(character);
  return u_hasBinaryProperty(character, UCHAR_ALPHABETIC) ||
         (mask & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         u_hasBinaryProperty(character, UCHAR_JOIN_CONTROL);
}

}  // namespace

std::string normalize(NormalForm form, std::string_view text) {
  std::string out;
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out, length_of(text));
  normalizer(form, status)
      .normalizeUTF8(0, icu::StringPiece(text.data(), length_of(text)), sink, nullptr, status);
  if (U_FAILURE(status)) {
    throw EnvironmentError(std::string("ICU cannot normalize text: ") + u_errorName(status));
  }
  return out;
}

std::string lowercase(std::string_view text) {
  constexpr UChar32 kCapitalIWithDot = 0x130;  // the only letter whose lower case is two characters
  std::string out;
  out.reserve(text.size());
  const std::int32_t length = length_of(text);
  for (std::int32_t i = 0; i < length;) {
    UChar32 character = 0;
    U8_NEXT_OR_FFFD(text.data(), i, length, character);
    if (character == kCapitalIWithDot) {
      out += "i\u0307";
    } else {
      append(out, u_tolower(character));
    }
  }
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
  const std::int32_t length = length_of(text);
  for (std::int32_t i = 0; i < length;) {
    UChar32 character = 0;
    U8_NEXT(text.data(), i, length, character);
    if (character < 0) return false;
  }
  return true;
}

bool starts_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::int32_t i = 0;
  UChar32 character = 0;
  U8_NEXT_OR_FFFD(text.data(), i, length_of(text), character);
  return is_word(character);
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  std::int32_t i = length_of(text);
  UChar32 character = 0;
  U8_PREV_OR_FFFD(text.data(), 0, i, character);
  return is_word(character);
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
