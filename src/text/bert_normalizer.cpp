#include "bert_normalizer.hpp"

#include <algorithm>
#include <array>

#include "characters.hpp"
#include "unicode.hpp"

namespace factsweep::text {
namespace {

/// The blocks of BERT's own list of Chinese characters; it lacks 2B820..2B91F.
constexpr std::array<std::pair<char32_t, char32_t>, 7> kChinese = {{{0x3400, 0x4dbf},
                                                                    {0x4e00, 0x9fff},
                                                                    {0xf900, 0xfaff},
                                                                    {0x20000, 0x2a6df},
                                                                    {0x2a700, 0x2b81f},
                                                                    {0x2b920, 0x2ceaf},
                                                                    {0x2f800, 0x2fa1f}}};

bool is_chinese(char32_t character) {
  return std::any_of(kChinese.begin(), kChinese.end(), [&](const auto& block) {
    return character >= block.first && character <= block.second;
  });
}

std::string clean(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t character, std::string_view bytes) {
    if (!is_bert_control(character)) out += is_space(character) ? " " : bytes;
  });
  return out;
}

std::string space_chinese(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t character, std::string_view bytes) {
    const std::string_view space = is_chinese(character) ? " " : "";
    out += space;
    out += bytes;
    out += space;
  });
  return out;
}

std::string strip_accents(std::string_view text) {
  std::string out;
  for_each_character(normalize(NormalForm::nfd, text),
                     [&](char32_t character, std::string_view bytes) {
                       if (!is_bert_accent(character)) out += bytes;
                     });
  return out;
}

}  // namespace

BertNormalizer::BertNormalizer(const Component& description)
    : clean_text_(description.flag("clean_text", true)),
      handle_chinese_chars_(description.flag("handle_chinese_chars", true)),
      lowercase_(description.flag("lowercase", true)),
      strip_accents_(description.flag("strip_accents", lowercase_)) {}

std::string BertNormalizer::apply(std::string text) const {
  if (clean_text_) text = clean(text);
  if (handle_chinese_chars_) text = space_chinese(text);
  if (strip_accents_) text = strip_accents(text);
  if (lowercase_) text = lowercase(text);
  return text;
}

}  // namespace factsweep::text
