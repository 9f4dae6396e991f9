#include "pre_tokenizer.hpp"

#include <algorithm>

#include "byte_level.hpp"
#include "regex.hpp"

namespace factsweep::text {
namespace {

constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

enum class Behavior { removed, isolated, contiguous, merged_with_previous, merged_with_next };

Behavior read_behavior(const Component& description, std::string_view fallback) {
  const std::string name = description.text("behavior", fallback);
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "Contiguous") return Behavior::contiguous;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  description.at("behavior")
      .unknown(name, "Removed, Isolated, Contiguous, MergedWithPrevious, MergedWithNext");
}

/// Joins each span with the one before it where `joins(span, match before)` says so.
template <typename Joins>
std::vector<Span> join(const std::vector<Span>& spans, Joins joins) {
  std::vector<Span> out;
  bool previous = false;
  for (const Span& span : spans) {
    if (!out.empty() && joins(span.matched, previous)) {
      out.back().begin = std::min(out.back().begin, span.begin);
      out.back().end = std::max(out.back().end, span.end);
    } else {
      out.push_back(span);
    }
    previous = span.matched;
  }
  return out;
}

std::vector<Span> arrange(std::vector<Span> spans, Behavior behavior) {
  const auto match_after_text = [](bool now, bool before) { return now && !before; };
  switch (behavior) {
    case Behavior::isolated:
      return spans;
    case Behavior::removed:
      std::erase_if(spans, [](const Span& span) { return span.matched; });
      return spans;
    case Behavior::contiguous:
      return join(spans, [](bool now, bool before) { return now == before; });
    case Behavior::merged_with_previous:
      return join(spans, match_after_text);
    case Behavior::merged_with_next:
      std::reverse(spans.begin(), spans.end());
      spans = join(spans, match_after_text);
      std::reverse(spans.begin(), spans.end());
      return spans;
  }
  throw BugError("arrange: no such behavior");
}

class Split final : public PreTokenizer {
 public:
  Split(Regex pattern, Behavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void apply(std::vector<Word>& words) const override {
    std::vector<Word> out;
    out.reserve(words.size() * 2);
    for (const Word& word : words) {
      std::vector<Span> spans = pattern_.split(word.text);
      if (invert_) {
        for (Span& span : spans) span.matched = !span.matched;
      }
      for (const Span& span : arrange(std::move(spans), behavior_)) {
        if (span.end == span.begin) continue;
        out.push_back({word.text.substr(span.begin, span.end - span.begin),
                       word.at_start && span.begin == 0});
      }
    }
    words = std::move(out);
  }

 private:
  Regex pattern_;
  Behavior behavior_;
  bool invert_;
};

class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex)
      split_ = std::make_unique<Split>(Regex(kGpt2Pattern, "GPT-2"), Behavior::isolated);
  }

  void apply(std::vector<Word>& words) const override {
    if (add_prefix_space_) {
      for (Word& word : words) {
        if (!word.text.starts_with(' ')) word.text.insert(0, 1, ' ');
      }
    }
    if (split_) split_->apply(words);
    for (Word& word : words) word.text = bytes_to_characters(word.text);
  }

 private:
  bool add_prefix_space_;
  std::unique_ptr<Split> split_;
};

class Metaspace final : public PreTokenizer {
 public:
  enum class Prepend { always, first, never };

  Metaspace(std::string replacement, Prepend prepend, bool split)
      : replacement_(std::move(replacement)),
        prepend_(prepend),
        spaces_(Regex::literal(" ")),
        replacements_(Regex::literal(replacement_), Behavior::merged_with_next),
        split_(split) {}

  void apply(std::vector<Word>& words) const override {
    for (Word& word : words) {
      word.text = spaces_.replace_all(word.text, replacement_);
      const bool wanted =
          prepend_ == Prepend::always || (prepend_ == Prepend::first && word.at_start);
      if (wanted && !word.text.starts_with(replacement_)) word.text.insert(0, replacement_);
    }
    if (split_) replacements_.apply(words);
  }

 private:
  std::string replacement_;
  Prepend prepend_;
  Regex spaces_;
  Split replacements_;
  bool split_;
};

class Sequence final : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
  void apply(std::vector<Word>& words) const override {
    for (const auto& step : steps_) step->apply(words);
  }

 private:
  std::vector<std::unique_ptr<PreTokenizer>> steps_;
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
  return std::make_unique<Metaspace>(description.text("replacement", "\u2581"), prepend,
                                     description.flag("split", true));
}

std::unique_ptr<PreTokenizer> make_split(const char* pattern, Behavior behavior,
                                         bool invert = false) {
  return std::make_unique<Split>(Regex(pattern, "pre_tokenizer"), behavior, invert);
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Component& description) {
  const std::string type = description.text("type");
  if (type == "ByteLevel") {
    return std::make_unique<ByteLevel>(description.flag("add_prefix_space", true),
                                       description.flag("use_regex", true));
  }
  if (type == "Split") {
    return std::make_unique<Split>(Regex::from(description.at("pattern")),
                                   read_behavior(description, "Removed"),
                                   description.flag("invert", false));
  }
  if (type == "Digits") {
    const bool individual = description.flag("individual_digits", false);
    return make_split(individual ? R"(\p{N})" : R"(\p{N}+)", Behavior::isolated);
  }
  if (type == "Punctuation") {
    return make_split(R"([\p{P}!-\/:-@\[-`{-~])", read_behavior(description, "Isolated"));
  }
  if (type == "Whitespace") {
    // Rust's word characters, unlike Oniguruma's, have the two joiners
    constexpr const char* kWords = R"([\w\x{200c}\x{200d}]+|[^\w\x{200c}\x{200d}\s]+)";
    return make_split(kWords, Behavior::removed, true);
  }
  if (type == "WhitespaceSplit") return make_split(R"(\s)", Behavior::removed);
  if (type == "Metaspace") return make_metaspace(description);
  if (type == "Sequence") {
    std::vector<std::unique_ptr<PreTokenizer>> steps;
    for (const Component& step : description.list("pretokenizers")) {
      steps.push_back(make_pre_tokenizer(step));
    }
    return std::make_unique<Sequence>(std::move(steps));
  }
  description.unknown(type,
                      "ByteLevel, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, "
                      "Metaspace, Sequence");
}

}  // namespace factsweep::text
