#include "normalizer.hpp"

#include "bert_normalizer.hpp"
#include "byte_level.hpp"
#include "characters.hpp"
#include "precompiled.hpp"
#include "regex.hpp"
#include "unicode.hpp"

namespace factsweep::text {
namespace {

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  std::string apply(std::string text) const override { return normalize(form_, text); }

 private:
  NormalForm form_;
};

/// Rewrites text by a function without settings.
class Rewrite final : public Normalizer {
 public:
  using Function = std::string (*)(std::string_view);
  explicit Rewrite(Function function) : function_(function) {}
  std::string apply(std::string text) const override { return function_(text); }

 private:
  Function function_;
};

class Replace final : public Normalizer {
 public:
  Replace(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  std::string apply(std::string text) const override {
    return pattern_.replace_all(text, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  std::string apply(std::string text) const override {
    return text.empty() ? text : prefix_ + text;
  }

 private:
  std::string prefix_;
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  std::string apply(std::string text) const override {
    if (right_) text.erase(text.size() - trailing_space(text));
    if (left_) text.erase(0, leading_space(text));
    return text;
  }

 private:
  bool left_;
  bool right_;
};

class Chain final : public Normalizer {
 public:
  explicit Chain(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
  std::string apply(std::string text) const override {
    for (const auto& step : steps_) text = step->apply(std::move(text));
    return text;
  }

 private:
  std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::string strip_accents(std::string_view text) {
  std::string out;
  for_each_character(text, [&](char32_t character, std::string_view bytes) {
    if (!is_accent(character)) out += bytes;
  });
  return out;
}

bool is_dropped_by_nmt(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f ||
         c == 0x8f || c == 0x9f;
}

bool is_space_to_nmt(char32_t c) {
  return c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 ||
         (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xfeff ||
         c == 0xfffd;
}

/// SentencePiece's clean-up for machine translation.
std::string nmt(std::string_view text) {
  std::string out;
  for_each_character(text, [&](char32_t character, std::string_view bytes) {
    if (!is_dropped_by_nmt(character)) out += is_space_to_nmt(character) ? " " : bytes;
  });
  return out;
}

std::string byte_level(std::string_view text) {
  std::string out;
  append_bytes_as_characters(text, out);
  return out;
}

std::unique_ptr<Normalizer> make_form(NormalForm form) {
  return std::make_unique<UnicodeForm>(form);
}

}  // namespace

std::unique_ptr<Normalizer> chain(std::vector<std::unique_ptr<Normalizer>> steps) {
  return std::make_unique<Chain>(std::move(steps));
}

std::unique_ptr<Normalizer> make_normalizer(const Component& description) {
  const std::string type = description.text("type");
  if (type == "NFC") return make_form(NormalForm::nfc);
  if (type == "NFD") return make_form(NormalForm::nfd);
  if (type == "NFKC") return make_form(NormalForm::nfkc);
  if (type == "NFKD") return make_form(NormalForm::nfkd);
  if (type == "Lowercase") return std::make_unique<Rewrite>(lowercase);
  if (type == "StripAccents") return std::make_unique<Rewrite>(strip_accents);
  if (type == "Nmt") return std::make_unique<Rewrite>(nmt);
  if (type == "ByteLevel") return std::make_unique<Rewrite>(byte_level);
  if (type == "Strip") {
    return std::make_unique<Strip>(description.flag("strip_left", true),
                                   description.flag("strip_right", true));
  }
  if (type == "Replace") {
    return std::make_unique<Replace>(Regex::from(description.at("pattern")),
                                     description.text("content"));
  }
  if (type == "Prepend") return std::make_unique<Prepend>(description.text("prepend"));
  if (type == "BertNormalizer") return std::make_unique<BertNormalizer>(description);
  if (type == "Precompiled") return std::make_unique<Precompiled>(description);
  if (type == "Sequence") {
    std::vector<std::unique_ptr<Normalizer>> steps;
    for (const Component& step : description.list("normalizers")) {
      steps.push_back(make_normalizer(step));
    }
    return chain(std::move(steps));
  }
  description.unknown(type,
                      "NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Nmt, ByteLevel, Strip, "
                      "Replace, Prepend, BertNormalizer, Precompiled, Sequence");
}

}  // namespace factsweep::text
