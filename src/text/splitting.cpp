#include "splitting.hpp"

#include <algorithm>

#include "characters.hpp"

namespace factsweep::text {
namespace {

/// Joins each span with the one before it where `joins(match, match before)` says so.
template <typename Joins>
void join(std::vector<Span>& spans, Joins joins) {
  std::size_t count = 0;
  bool previous = false;
  for (const Span span : spans) {
    if (count > 0 && joins(span.matched, previous)) {
      Span& last = spans[count - 1];
      last.begin = std::min(last.begin, span.begin);
      last.end = std::max(last.end, span.end);
    } else {
      spans[count++] = span;
    }
    previous = span.matched;
  }
  spans.resize(count);
}

}  // namespace

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

void arrange(std::vector<Span>& spans, Behavior behavior) {
  const auto match_after_text = [](bool now, bool before) { return now && !before; };
  switch (behavior) {
    case Behavior::isolated:
      return;
    case Behavior::removed:
      std::erase_if(spans, [](const Span& span) { return span.matched; });
      return;
    case Behavior::contiguous:
      join(spans, [](bool now, bool before) { return now == before; });
      return;
    case Behavior::merged_with_previous:
      join(spans, match_after_text);
      return;
    case Behavior::merged_with_next:
      std::reverse(spans.begin(), spans.end());
      join(spans, match_after_text);
      std::reverse(spans.begin(), spans.end());
      return;
  }
  throw BugError("arrange: no such behavior");
}

void RegexSplit::apply(Words& words) const {
  split_words(words, behavior_, [&](std::string_view text, std::vector<Span>& spans) {
    pattern_.split(text, spans);
    if (!invert_) return;
    for (Span& span : spans) span.matched = !span.matched;
  });
}

void CharacterSplit::apply(Words& words) const {
  split_words(words, behavior_, [&](std::string_view text, std::vector<Span>& spans) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const bool matched = is_match_(next_character(text, at));
      if (!matched && !spans.empty() && !spans.back().matched) {
        spans.back().end = at;
      } else {
        spans.push_back({begin, at, matched});
      }
    }
  });
}

void ClassSplit::apply(Words& words) const {
  split_words(words, Behavior::removed, [&](std::string_view text, std::vector<Span>& spans) {
    int before = -1;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const int now = classify_(next_character(text, at));
      if (now == before) {
        spans.back().end = at;
      } else {
        spans.push_back({begin, at, now == 0});
      }
      before = now;
    }
  });
}

}  // namespace factsweep::text
