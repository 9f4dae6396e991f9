#include "pre_tokenizer.hpp"

#include <algorithm>

#include "byte_level.hpp"
#include "characters.hpp"
#include "unicode.hpp"

namespace factsweep::text {
namespace {

using Steps = std::vector<std::unique_ptr<PreTokenizer>>;

constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex) {
      split_ = std::make_unique<RegexSplit>(Regex(kGpt2Pattern, "GPT-2"), Behavior::isolated);
    }
  }

  void apply(Words& words) const override {
    if (add_prefix_space_) {
      for (Word& word : words.list) {
        if (word.text.starts_with(' ')) continue;
        std::string spaced(1, ' ');
        spaced += word.text;
        word.text = words.keep(std::move(spaced));
      }
    }
    if (split_) split_->apply(words);
    // all words in one string: one allocation, not one a word
    std::size_t bytes = 0;
    for (const Word& word : words.list) bytes += word.text.size();
    std::string all;
    all.reserve(2 * bytes);  // the most that a byte's character takes
    std::vector<std::size_t> ends;
    ends.reserve(words.list.size());
    for (const Word& word : words.list) {
      append_bytes_as_characters(word.text, all);
      ends.push_back(all.size());
    }
    const std::string_view kept = words.keep(std::move(all));
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      words.list[i].text = kept.substr(begin, ends[i] - begin);
      begin = ends[i];
    }
  }

 private:
  bool add_prefix_space_;
  std::unique_ptr<RegexSplit> split_;
};

class Metaspace final : public PreTokenizer {
 public:
  enum class Prepend { always, first, never };

  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)), prepend_(prepend), split_(split) {}

  void apply(Words& words) const override {
    for (Word& word : words.list) {
      std::string text;
      text.reserve(word.text.size() * 2 + replacement_.size());
      for (const char c : word.text) {
        if (c == ' ') {
          text += replacement_;
        } else {
          text += c;
        }
      }
      const bool wanted =
          prepend_ == Prepend::always || (prepend_ == Prepend::first && word.at_start);
      if (wanted && !text.starts_with(replacement_)) text.insert(0, replacement_);
      word.text = words.keep(std::move(text));
    }
    if (split_) {
      split_words(words, Behavior::isolated,
                  [&](std::string_view text, std::vector<Span>& spans) { cut(text, spans); });
    }
  }

 private:
  /// A word begins at each replacement.
  void cut(std::string_view text, std::vector<Span>& spans) const {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find(replacement_, begin + 1), text.size());
      spans.push_back({begin, end, false});
      begin = end;
    }
  }

  std::string replacement_;
  Prepend prepend_;
  bool split_;
};

/// Words of so many characters.
class FixedLength final : public PreTokenizer {
 public:
  explicit FixedLength(std::size_t length) : length_(length) {}
  void apply(Words& words) const override {
    split_words(words, Behavior::isolated, [&](std::string_view text, std::vector<Span>& spans) {
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        for (std::size_t i = 0; i < length_ && at < text.size(); ++i) next_character(text, at);
        spans.push_back({begin, at, false});
      }
    });
  }

 private:
  std::size_t length_;
};

/// Cuts where the script changes; characters of any script stay with those before them, or vanish
/// where there are none.
class UnicodeScripts final : public PreTokenizer {
 public:
  void apply(Words& words) const override {
    split_words(words, Behavior::isolated, [&](std::string_view text, std::vector<Span>& spans) {
      int last = kAnyScript - 1;  // differs from all
      for_each_character(text, [&](char32_t character, std::string_view bytes) {
        const auto begin = static_cast<std::size_t>(bytes.data() - text.data());
        const int script = script_of(character);
        const bool cuts = script != kAnyScript && script != last;
        if (cuts) spans.push_back({begin, begin, false});
        if (!spans.empty()) spans.back().end = begin + bytes.size();
        if (script != kAnyScript) last = script;
      });
    });
  }
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(Steps steps) : steps_(std::move(steps)) {}
  void apply(Words& words) const override {
    for (const auto& step : steps_) step->apply(words);
  }

 private:
  Steps steps_;
};

std::unique_ptr<PreTokenizer> make_metaspace(const Component& description) {
  // files written before tokenizers 0.15 say add_prefix_space instead of prepend_scheme
  const char* old_scheme = description.flag("add_prefix_space", true) ? "always" : "never";
  const std::string scheme = description.text("prepend_scheme", old_scheme);
  Metaspace::Prepend prepend = Metaspace::Prepend::always;
  if (scheme == "first") {
    prepend = Metaspace::Prepend::first;
  } else if (scheme == "never") {
    prepend = Metaspace::Prepend::never;
  } else if (scheme != "always") {
    description.at("prepend_scheme").unknown(scheme, "always, first, never");
  }
  return std::make_unique<Metaspace>(description.character("replacement", "\u2581"), prepend,
                                     description.flag("split", true));
}

std::unique_ptr<PreTokenizer> make_characters(CharacterSplit::Predicate predicate,
                                              Behavior behavior) {
  return std::make_unique<CharacterSplit>(predicate, behavior);
}

std::unique_ptr<PreTokenizer> make_bert() {
  Steps steps;
  steps.push_back(make_characters(is_space, Behavior::removed));
  steps.push_back(make_characters(is_punctuation, Behavior::isolated));
  return std::make_unique<Sequence>(std::move(steps));
}

std::unique_ptr<PreTokenizer> make_fixed_length(const Component& description) {
  const std::int64_t length = description.integer("length", 5);
  if (length < 1) description.at("length").fail("a word has at least one character.");
  return std::make_unique<FixedLength>(static_cast<std::size_t>(length));
}

/// Runs of word characters and runs of everything else but white space.
int whitespace_class(char32_t character) {
  if (is_word(character)) return 1;
  return is_space(character) ? 0 : 2;
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Component& description) {
  const std::string type = description.text("type");
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(description.flag("add_prefix_space", true),
                                       description.flag("use_regex", true));
  }
  if (type == "Split") {
    return std::make_unique<RegexSplit>(Regex::from(description.at("pattern")),
                                        read_behavior(description, "Removed"),
                                        description.flag("invert", false));
  }
  if (type == "Digits") {
    const bool individual = description.flag("individual_digits", false);
    return make_characters(is_number, individual ? Behavior::isolated : Behavior::contiguous);
  }
  if (type == "Punctuation") {
    return make_characters(is_punctuation, read_behavior(description, "Isolated"));
  }
  if (type == "Whitespace") return std::make_unique<ClassSplit>(whitespace_class);
  if (type == "WhitespaceSplit") return make_characters(is_space, Behavior::removed);
  if (type == "BertPreTokenizer") return make_bert();
  if (type == "CharDelimiterSplit") {
    return std::make_unique<RegexSplit>(Regex::literal(description.character("delimiter")),
                                        Behavior::removed);
  }
  if (type == "Metaspace") return make_metaspace(description);
  if (type == "FixedLength") return make_fixed_length(description);
  if (type == "UnicodeScripts") return std::make_unique<UnicodeScripts>();
  if (type == "Sequence") {
    Steps steps;
    for (const Component& step : description.list("pretokenizers")) {
      steps.push_back(make_pre_tokenizer(step));
    }
    return std::make_unique<Sequence>(std::move(steps));
  }
  description.unknown(
      type,
      "ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, BertPreTokenizer, "
      "CharDelimiterSplit, Metaspace, FixedLength, UnicodeScripts, Sequence");
}

}  // namespace factsweep::text
