#include "factsweep/data/answer_matcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "letters.hpp"
#include "squad_matcher.hpp"

namespace factsweep {
namespace {

/// The first line of an answer, as far as it is there.
struct Line {
  explicit Line(std::string_view text) : ended(text.find('\n') != text.npos) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t unfinished = ended ? 0 : utf8_unfinished(line);
    letters = decomposed(line.substr(0, line.size() - unfinished));
    is_cut = unfinished > 0;
  }
  std::u32string letters;
  bool ended;
  bool is_cut = false;  // inside its next character, which says nothing yet
};

class StrictMatcher : public AnswerMatcher {
 public:
  explicit StrictMatcher(std::string_view gold) : gold_(stripped(decomposed(gold))) {}

  Verdict judge(std::string_view text) const override {
    const Line line(text);
    if (stripped(line.letters) == gold_) return line.is_cut ? Verdict::possible : Verdict::matched;
    const bool open = !line.ended && may_grow_into(without_leading_space(line.letters), gold_);
    return open ? Verdict::possible : Verdict::dead;
  }

 private:
  std::u32string gold_;
};

class ContainsMatcher : public AnswerMatcher {
 public:
  explicit ContainsMatcher(std::string_view gold)
      : gold_(stripped(lower_case(decomposed(gold)))) {}

  Verdict judge(std::string_view text) const override {
    Line line(text);
    if (occurs_in(lower_case(std::move(line.letters)))) return Verdict::matched;
    return line.ended ? Verdict::dead : Verdict::possible;
  }

  bool match_is_final() const override { return true; }

 private:
  /// "Pele" is not in "Pel\u00e9", though its decomposition is.
  bool occurs_in(std::u32string_view letters) const {
    for (std::size_t at = letters.find(gold_); at != letters.npos;
         at = letters.find(gold_, at + 1)) {
      const std::size_t end = at + gold_.size();
      if (end == letters.size() || !joins_before(letters[end])) return true;
    }
    return false;
  }

  std::u32string gold_;
};

class AnyMatcher : public AnswerMatcher {
 public:
  explicit AnyMatcher(std::vector<std::unique_ptr<AnswerMatcher>> each) : each_(std::move(each)) {}

  Verdict judge(std::string_view text) const override {
    Verdict best = Verdict::dead;
    for (const auto& matcher : each_) {
      best = std::max(best, matcher->judge(text));
      if (best == Verdict::matched) break;
    }
    return best;
  }

  bool match_is_final() const override {
    return std::all_of(each_.begin(), each_.end(),
                       [](const auto& matcher) { return matcher->match_is_final(); });
  }

 private:
  std::vector<std::unique_ptr<AnswerMatcher>> each_;
};

}  // namespace

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(std::string_view rule,
                                                   std::span<const std::string> golds) {
  require(!golds.empty(), "AnswerMatcher: no gold answer");
  if (golds.size() == 1) return make(rule, golds.front());
  std::vector<std::unique_ptr<AnswerMatcher>> each;
  for (const std::string& gold : golds) each.push_back(make(rule, gold));
  return std::make_unique<AnyMatcher>(std::move(each));
}

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(std::string_view rule, std::string_view gold) {
  const std::u32string letters = decomposed(gold);
  if (stripped(letters).empty())
    throw InputError("a gold answer is empty: no decoded answer can be right.");
  if (stripped(letters).find(U'\n') != letters.npos) {
    throw InputError(fmt::format(
        "gold answer '{}' has a line break, but decoded answers end at the first.", gold));
  }
  if (rule == "strict") return std::make_unique<StrictMatcher>(gold);
  if (rule == "contains") return std::make_unique<ContainsMatcher>(gold);
  if (rule != "squad") {
    throw InputError(fmt::format(
        "'{}' is no rule to compare answers: it is one of strict, squad, contains.", rule));
  }
  auto squad = std::make_unique<SquadMatcher>(gold);
  if (squad->is_empty()) return std::make_unique<StrictMatcher>(gold);
  return squad;
}

std::string_view AnswerMatcher::trimmed(std::string_view text) {
  return stripped(text);
}

bool AnswerMatcher::matches(std::string_view text) const {
  return judge(text) == Verdict::matched;
}

}  // namespace factsweep
