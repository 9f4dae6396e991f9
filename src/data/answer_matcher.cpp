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
  Line(std::string_view text, const LetterRules& rules) : ended(text.find('\n') != text.npos) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t unfinished = ended ? 0 : utf8_unfinished(line);
    letters = letters_of(line.substr(0, line.size() - unfinished), rules);
    is_cut = unfinished > 0;
  }
  std::u32string letters;
  bool ended;
  bool is_cut = false;  // inside its next character, which says nothing yet
};

class StrictMatcher : public AnswerMatcher {
 public:
  StrictMatcher(std::string_view gold, const LetterRules& rules)
      : rules_(rules), gold_(stripped(letters_of(gold, rules))) {}

  Verdict judge(std::string_view text) const override {
    const Line line(text, rules_);
    if (stripped(line.letters) == gold_) return line.is_cut ? Verdict::possible : Verdict::matched;
    const bool open = !line.ended && may_grow_into(without_leading_space(line.letters), gold_);
    return open ? Verdict::possible : Verdict::dead;
  }

 private:
  const LetterRules rules_;
  std::u32string gold_;
};

class ContainsMatcher : public AnswerMatcher {
 public:
  ContainsMatcher(std::string_view gold, const LetterRules& rules)
      : rules_(rules), gold_(stripped(lower_case(letters_of(gold, rules)))) {}

  Verdict judge(std::string_view text) const override {
    Line line(text, rules_);
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

  const LetterRules rules_;
  std::u32string gold_;
};

/// An I at the end of what is there may be the first half of a capital i with a dot.
class TurkishMatcher : public AnswerMatcher {
 public:
  explicit TurkishMatcher(std::unique_ptr<AnswerMatcher> whole) : whole_(std::move(whole)) {}

  Verdict judge(std::string_view text) const override {
    const Verdict verdict = whole_->judge(text);
    const std::string_view known = text.substr(0, text.size() - utf8_unfinished(text));
    if (verdict != Verdict::dead || !known.ends_with('I')) return verdict;
    const std::string dotted = std::string(known.substr(0, known.size() - 1)) + "i";
    return whole_->judge(dotted) == Verdict::dead ? Verdict::dead : Verdict::possible;
  }

  bool match_is_final() const override { return whole_->match_is_final(); }

 private:
  std::unique_ptr<AnswerMatcher> whole_;
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

std::unique_ptr<AnswerMatcher> make_one(const MatchRules& rules, const LetterRules& letters,
                                        std::string_view gold) {
  if (rules.rule == "strict") return std::make_unique<StrictMatcher>(gold, letters);
  if (rules.rule == "contains") return std::make_unique<ContainsMatcher>(gold, letters);
  if (rules.rule != "squad") {
    throw InputError(fmt::format(
        "'{}' is no rule to compare answers: it is one of strict, squad, contains.", rules.rule));
  }
  auto squad = std::make_unique<SquadMatcher>(gold, letters, rules.language);
  if (squad->is_empty()) return std::make_unique<StrictMatcher>(gold, letters);
  return squad;
}

}  // namespace

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(std::string_view rule,
                                                   std::span<const std::string> golds) {
  return make(MatchRules{.rule = std::string(rule)}, golds);
}

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(std::string_view rule, std::string_view gold) {
  return make(MatchRules{.rule = std::string(rule)}, gold);
}

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(const MatchRules& rules,
                                                   std::span<const std::string> golds) {
  require(!golds.empty(), "AnswerMatcher: no gold answer");
  if (golds.size() == 1) return make(rules, golds.front());
  std::vector<std::unique_ptr<AnswerMatcher>> each;
  for (const std::string& gold : golds) each.push_back(make(rules, gold));
  return std::make_unique<AnyMatcher>(std::move(each));
}

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(const MatchRules& rules, std::string_view gold) {
  const std::u32string plain = decomposed(gold);
  if (stripped(plain).empty())
    throw InputError("a gold answer is empty: no decoded answer can be right.");
  if (stripped(plain).find(U'\n') != plain.npos) {
    throw InputError(fmt::format(
        "gold answer '{}' has a line break, but decoded answers end at the first.", gold));
  }
  LetterRules letters = {rules.compatible, rules.folded, rules.accents,
                         rules.language == "tr" || rules.language == "az"};
  // a gold answer of marks alone keeps them
  if (stripped(letters_of(gold, letters)).empty()) letters.accents = true;
  if (letters.folded && letters.turkish)
    return std::make_unique<TurkishMatcher>(make_one(rules, letters, gold));
  return make_one(rules, letters, gold);
}

std::string_view AnswerMatcher::trimmed(std::string_view text) {
  return stripped(text);
}

bool AnswerMatcher::matches(std::string_view text) const {
  return judge(text) == Verdict::matched;
}

}  // namespace factsweep
