#include "factsweep/data/answer_matcher.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "letters.hpp"
#include "squad_matcher.hpp"

namespace factsweep {
namespace {

constexpr std::string_view kSpace = " \t\n\v\f\r";

std::string_view without_leading_space(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

std::string_view stripped(std::string_view text) {
  return without_leading_space(text.substr(0, text.find_last_not_of(kSpace) + 1));
}

class StrictMatcher : public AnswerMatcher {
 public:
  explicit StrictMatcher(std::string_view gold) : gold_(stripped(gold)) {}

  Verdict judge(std::string_view text) const override {
    const std::size_t newline = text.find('\n');
    const std::string_view answer = text.substr(0, newline);
    if (stripped(answer) == gold_) return Verdict::matched;
    const bool open =
        newline == text.npos && std::string_view(gold_).starts_with(without_leading_space(answer));
    return open ? Verdict::possible : Verdict::dead;
  }

 private:
  std::string gold_;
};

class ContainsMatcher : public AnswerMatcher {
 public:
  explicit ContainsMatcher(std::string_view gold) : gold_(lower_case(stripped(gold))) {}

  Verdict judge(std::string_view text) const override {
    const std::size_t newline = text.find('\n');
    const std::string_view answer = text.substr(0, newline);
    const std::string_view whole = answer.substr(0, answer.size() - utf8_unfinished(answer));
    if (lower_case(whole).find(gold_) != gold_.npos) return Verdict::matched;
    return newline == text.npos ? Verdict::possible : Verdict::dead;
  }

  bool match_is_final() const override { return true; }

 private:
  std::u32string gold_;
};

}  // namespace

std::unique_ptr<AnswerMatcher> AnswerMatcher::make(std::string_view rule, std::string_view gold) {
  gold = stripped(gold);
  if (gold.empty()) throw InputError("a gold answer is empty: no decoded answer can be right.");
  if (gold.find('\n') != gold.npos) {
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

bool AnswerMatcher::matches(std::string_view text) const {
  return judge(text) == Verdict::matched;
}

}  // namespace factsweep
