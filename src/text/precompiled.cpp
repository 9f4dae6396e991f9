#include "precompiled.hpp"

#include <fmt/format.h>
#include <unicode/utext.h>

#include "characters.hpp"
#include "unicode.hpp"

namespace factsweep::text {
namespace {

constexpr std::size_t kLongGrapheme = 6;  // bytes; from here on characters are replaced one by one

std::string decode_base64(const Component& field) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded = field.as_text();
  while (encoded.ends_with('=')) encoded.pop_back();
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : encoded) {
    const std::size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) field.fail("this is not base64.");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

std::uint32_t read_u32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// a unit of the double array, in Darts-clone's format
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t label(std::uint32_t unit) {
  return unit & (1u << 31 | 0xff);
}
std::size_t offset(std::uint32_t unit) {
  return static_cast<std::size_t>(unit >> 10) << ((unit & 1u << 9) >> 6);
}

void check(UErrorCode status) {
  if (U_FAILURE(status)) {
    throw EnvironmentError(
        fmt::format("ICU cannot find the graphemes of a text: {}", u_errorName(status)));
  }
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

}  // namespace

Precompiled::Precompiled(const Component& description)
    : where_(description.at("precompiled_charsmap").where()) {
  load(decode_base64(description.at("precompiled_charsmap")));
}

Precompiled::Precompiled(std::string_view charsmap, std::string where) : where_(std::move(where)) {
  load(charsmap);
}

void Precompiled::fail() const {
  throw InputError(
      fmt::format("{}: the table of replacements is damaged. Copy the file again.", where_));
}

void Precompiled::load(std::string_view charsmap) {
  UErrorCode status = U_ZERO_ERROR;
  graphemes_.reset(icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
  check(status);
  if (charsmap.size() < 4) fail();
  const std::size_t size = read_u32(charsmap, 0);
  if (size > charsmap.size() - 4 || size < 4) fail();
  units_.reserve(size / 4);
  for (std::size_t i = 0; i + 4 <= size; i += 4) units_.push_back(read_u32(charsmap, 4 + i));
  strings_ = charsmap.substr(4 + size / 4 * 4);
  if (!is_valid_utf8(strings_)) fail();
}

std::uint32_t Precompiled::unit(std::size_t position) const {
  if (position >= units_.size()) fail();
  return units_[position];
}

/// What the shortest known beginning of `text` becomes.
std::optional<std::string_view> Precompiled::replacement(std::string_view text) const {
  std::size_t position = offset(unit(0));
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    position ^= byte;
    const std::uint32_t found = unit(position);
    if (label(found) != byte) break;
    position ^= offset(found);
    if (!has_leaf(found)) continue;
    const std::size_t begin = unit(position) & ~(1u << 31);
    if (begin > strings_.size()) fail();
    const std::string_view rest = std::string_view(strings_).substr(begin);
    const std::string_view made = rest.substr(0, rest.find('\0'));
    if (!is_valid_utf8(made)) fail();
    return made;
  }
  return std::nullopt;
}

/// Calls `visit` with each extended grapheme cluster of `text`.
template <typename Visit>
void Precompiled::for_each_grapheme(std::string_view text, Visit visit) const {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UText, decltype(&utext_close)> view(
      utext_openUTF8(nullptr, text.data(), static_cast<std::int64_t>(text.size()), &status),
      utext_close);
  check(status);
  graphemes_->setText(view.get(), status);
  check(status);
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin + 1;
    // between two ASCII characters there is always an edge, but for CR LF
    if (is_ascii(text[begin]) && (end == text.size() || is_ascii(text[end]))) {
      if (text.substr(begin).starts_with("\r\n")) ++end;
    } else {
      end = static_cast<std::size_t>(graphemes_->following(static_cast<std::int32_t>(begin)));
    }
    visit(text.substr(begin, end - begin));
    begin = end;
  }
}

std::string Precompiled::apply(std::string text) const {
  require(text.size() < (1u << 30), "a text of more than 1 GB cannot be tokenized at once");
  std::string out;
  out.reserve(text.size());
  for_each_grapheme(text, [&](std::string_view grapheme) {
    if (grapheme.size() < kLongGrapheme) {
      if (const auto made = replacement(grapheme)) {
        out += *made;
        return;
      }
    }
    for_each_character(grapheme, [&](char32_t, std::string_view bytes) {
      out += replacement(bytes).value_or(bytes);
    });
  });
  return out;
}

}  // namespace factsweep::text
