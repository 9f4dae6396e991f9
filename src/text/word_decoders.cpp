#include "word_decoders.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace factsweep::text {
namespace {

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  if (what.empty()) return;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

/// English spaces before marks and clitics, in the order of Hugging Face's list.
void clean_up(std::string& text) {
  constexpr std::array<std::pair<const char*, const char*>, 11> kRules = {{{" .", "."},
                                                                           {" ?", "?"},
                                                                           {" !", "!"},
                                                                           {" ,", ","},
                                                                           {" ' ", "'"},
                                                                           {" n't", "n't"},
                                                                           {" 'm", "'m"},
                                                                           {" do not", " don't"},
                                                                           {" 's", "'s"},
                                                                           {" 've", "'ve"},
                                                                           {" 're", "'re"}}};
  for (const auto& [what, with] : kRules) replace_all(text, what, with);
}

class WordPieceDecoder final : public DecoderStep {
 public:
  explicit WordPieceDecoder(const Component& description)
      : prefix_(description.text("prefix", "##")), cleanup_(description.flag("cleanup", true)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) {
        apply_inside(tokens[i]);
      } else if (cleanup_) {
        clean_up(tokens[i]);
      }
    }
  }
  void apply_inside(std::string& token) const override {
    if (token.starts_with(prefix_)) {
      token.erase(0, prefix_.size());
    } else {
      token.insert(0, 1, ' ');
    }
    if (cleanup_) clean_up(token);
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class BpeDecoder final : public DecoderStep {
 public:
  explicit BpeDecoder(const Component& description) : suffix_(description.text("suffix", "</w>")) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      replace_all(tokens[i], suffix_, i + 1 < tokens.size() ? " " : "");
    }
  }
  void apply_inside(std::string& token) const override { replace_all(token, suffix_, " "); }

 private:
  std::string suffix_;
};

class CtcDecoder final : public DecoderStep {
 public:
  explicit CtcDecoder(const Component& description)
      : pad_token_(description.text("pad_token", "<pad>")),
        word_delimiter_token_(description.text("word_delimiter_token", "|")),
        cleanup_(description.flag("cleanup", true)) {}
  void apply(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) apply_inside(token);
    std::erase_if(tokens, [](const std::string& token) { return token.empty(); });
  }
  void apply_inside(std::string& token) const override {
    replace_all(token, pad_token_, "");
    if (!cleanup_) return;
    clean_up(token);
    replace_all(token, word_delimiter_token_, " ");
  }

 private:
  std::string pad_token_;
  std::string word_delimiter_token_;
  bool cleanup_;
};

}  // namespace

std::unique_ptr<DecoderStep> make_word_decoder(const std::string& type,
                                               const Component& description) {
  if (type == "WordPiece") return std::make_unique<WordPieceDecoder>(description);
  if (type == "BPEDecoder") return std::make_unique<BpeDecoder>(description);
  if (type == "CTC") return std::make_unique<CtcDecoder>(description);
  return nullptr;
}

}  // namespace factsweep::text
