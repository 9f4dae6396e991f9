// Cutting words at the places that a pattern matches, which is what most pre-tokenizers do.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "component.hpp"
#include "regex.hpp"

namespace factsweep::text {

struct Word {
  std::string_view text;
  bool at_start = false;  // the first of the whole text
};

/// The words of a text. They point into the text, or into strings made on the way.
class Words {
 public:
  std::vector<Word> list;

  /// The same characters, alive as long as the words are.
  std::string_view keep(std::string text) { return made_.emplace_back(std::move(text)); }

 private:
  std::deque<std::string> made_;  // never moves what it holds
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  /// Cuts the words further.
  virtual void apply(Words& words) const = 0;
};

/// What becomes of the matches: their own words, parts of their neighbours', or nothing.
enum class Behavior { removed, isolated, contiguous, merged_with_previous, merged_with_next };

/// From the key `behavior`.
Behavior read_behavior(const Component& description, std::string_view fallback);

/// Applies `behavior` to spans that cover a text in order.
void arrange(std::vector<Span>& spans, Behavior behavior);

/// Replaces `words` by the arranged spans of each; `find(text, spans)` appends the spans of a text.
template <typename Find>
void split_words(Words& words, Behavior behavior, Find find) {
  std::vector<Word> out;
  out.reserve(words.list.size() * 2 + 16);
  std::vector<Span> spans;
  for (const Word& word : words.list) {
    spans.clear();
    find(word.text, spans);
    arrange(spans, behavior);
    for (const Span& span : spans) {
      if (span.end == span.begin) continue;
      out.push_back(
          {word.text.substr(span.begin, span.end - span.begin), word.at_start && span.begin == 0});
    }
  }
  words.list = std::move(out);
}

class RegexSplit final : public PreTokenizer {
 public:
  RegexSplit(Regex pattern, Behavior behavior, bool invert = false)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void apply(Words& words) const override;

 private:
  Regex pattern_;
  Behavior behavior_;
  bool invert_;
};

/// Each character for which `is_match` holds is a match.
class CharacterSplit final : public PreTokenizer {
 public:
  using Predicate = bool (*)(char32_t);
  CharacterSplit(Predicate is_match, Behavior behavior)
      : is_match_(is_match), behavior_(behavior) {}
  void apply(Words& words) const override;

 private:
  Predicate is_match_;
  Behavior behavior_;
};

/// Cuts where the class of the characters changes, and drops those of class 0.
class ClassSplit final : public PreTokenizer {
 public:
  using Classify = int (*)(char32_t);
  explicit ClassSplit(Classify classify) : classify_(classify) {}
  void apply(Words& words) const override;

 private:
  Classify classify_;
};

}  // namespace factsweep::text
