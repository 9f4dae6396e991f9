#include "decoder.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "byte_level.hpp"
#include "regex.hpp"
#include "unicode.hpp"
#include "word_decoders.hpp"

namespace factsweep::text {
namespace {

std::string concatenate(const std::vector<std::string>& tokens) {
  std::string out;
  for (const std::string& token : tokens) out += token;
  return out;
}

class ByteLevel final : public DecoderStep {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) apply_inside(token);
    tokens = {replace_invalid_utf8(concatenate(tokens))};
  }
  void apply_inside(std::string& token) const override {
    if (auto bytes = characters_to_bytes(token)) token = std::move(*bytes);
  }
};

/// "<0xE2>" -> the byte; nothing otherwise.
std::optional<char> byte_token(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const auto is_hex = [](unsigned char c) { return std::isxdigit(c) != 0; };
  if (!is_hex(token[3]) || !is_hex(token[4])) return std::nullopt;
  return static_cast<char>(std::stoi(token.substr(3, 2), nullptr, 16));
}

class ByteFallback final : public DecoderStep {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (is_valid_utf8(bytes)) {
        out.push_back(bytes);
      } else {
        // one mark a byte, even for those that make whole characters: so does Hugging Face
        out.insert(out.end(), bytes.size(), "\ufffd");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_token(token)) {
        bytes += *byte;
        continue;
      }
      if (!bytes.empty()) flush();
      out.push_back(std::move(token));
    }
    if (!bytes.empty()) flush();
    tokens = std::move(out);
  }
  void apply_inside(std::string& token) const override {
    if (const auto byte = byte_token(token)) token = *byte;
  }
};

class Replace final : public DecoderStep {
 public:
  Replace(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) apply_inside(token);
  }
  void apply_inside(std::string& token) const override {
    token = pattern_.replace_all(token, content_);
  }

 private:
  Regex pattern_;
  std::string content_;
};

class Fuse final : public DecoderStep {
 public:
  void apply(std::vector<std::string>& tokens) const override { tokens = {concatenate(tokens)}; }
  void apply_inside(std::string&) const override {}
};

/// Takes up to `start` and `stop` times `content` from the ends of each token.
class Strip final : public DecoderStep {
 public:
  Strip(const Component& description, bool fused)
      : content_(description.character("content")),
        start_(description.integer("start", 0)),
        stop_(description.integer("stop", 0)),
        fused_(fused) {
    if (start_ < 0) description.at("start").fail("a count cannot be negative.");
    if (stop_ < 0) description.at("stop").fail("a count cannot be negative.");
  }
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) strip(token);
  }
  void apply_inside(std::string& token) const override {
    // after Fuse only the ends of the whole text are stripped
    if (!fused_) strip(token);
  }

 private:
  void strip(std::string& token) const {
    for (std::int64_t i = 0; i < start_ && token.starts_with(content_); ++i) {
      token.erase(0, content_.size());
    }
    for (std::int64_t i = 0; i < stop_ && token.ends_with(content_); ++i) {
      token.erase(token.size() - content_.size());
    }
  }

  std::string content_;
  std::int64_t start_;
  std::int64_t stop_;
  bool fused_;
};

class Metaspace final : public DecoderStep {
 public:
  explicit Metaspace(const Component& description)
      : replacement_(Regex::literal(description.character("replacement", "\u2581"))) {
    const char* old_scheme = description.flag("add_prefix_space", true) ? "always" : "never";
    prepended_ = description.text("prepend_scheme", old_scheme) != "never";
  }
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = replacement_.replace_all(tokens[i], i == 0 && prepended_ ? "" : " ");
    }
  }
  void apply_inside(std::string& token) const override {
    token = replacement_.replace_all(token, " ");
  }

 private:
  Regex replacement_;
  bool prepended_;
};

}  // namespace

Decoder::Decoder(const Component& description) : joins_with_spaces_(false) {
  add(description);
}

void Decoder::add(const Component& description) {
  const std::string type = description.text("type");
  if (type == "Sequence") {
    for (const Component& step : description.list("decoders")) add(step);
  } else if (type == "ByteLevel") {
    steps_.push_back(std::make_unique<ByteLevel>());
  } else if (type == "ByteFallback") {
    steps_.push_back(std::make_unique<ByteFallback>());
  } else if (type == "Fuse") {
    steps_.push_back(std::make_unique<Fuse>());
  } else if (type == "Replace") {
    steps_.push_back(std::make_unique<Replace>(Regex::from(description.at("pattern")),
                                               description.text("content")));
  } else if (type == "Strip") {
    const auto is_fuse = [](const auto& step) {
      return dynamic_cast<const Fuse*>(step.get()) != nullptr;
    };
    steps_.push_back(
        std::make_unique<Strip>(description, std::any_of(steps_.begin(), steps_.end(), is_fuse)));
  } else if (type == "Metaspace") {
    steps_.push_back(std::make_unique<Metaspace>(description));
  } else if (auto step = make_word_decoder(type, description)) {
    steps_.push_back(std::move(step));
  } else {
    description.unknown(type,
                        "ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, WordPiece, "
                        "BPEDecoder, CTC, Sequence");
  }
}

std::string Decoder::decode(std::vector<std::string> tokens) const {
  if (joins_with_spaces_) {
    for (std::size_t i = 1; i < tokens.size(); ++i) tokens[i].insert(0, 1, ' ');
  }
  for (const auto& step : steps_) step->apply(tokens);
  return concatenate(tokens);
}

std::string Decoder::piece(std::string token) const {
  if (joins_with_spaces_) return " " + token;
  for (const auto& step : steps_) step->apply_inside(token);
  return token;
}

}  // namespace factsweep::text
