#include "answer_kinds.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace factsweep::slick {
namespace {

bool contains(const SquadWords& whole, const SquadWords& part) {
  return std::search(whole.begin(), whole.end(), part.begin(), part.end()) != whole.end();
}

}  // namespace

std::string kinds_in_words() {
  std::vector<std::string> list;
  for (std::size_t k = 0; k < kAnswerKinds.size(); ++k)
    list.push_back(fmt::format("{} {}", k, kAnswerKinds[k]));
  return fmt::format("{}", fmt::join(list, ", "));
}

bool GoldAnswers::has(const std::string& relation, const SquadWords& answer) const {
  const auto found = answers_.find(relation);
  return found != answers_.end() && found->second.contains(answer);
}

JudgedAnswer judge_error(std::string_view answer, std::span<const std::string> golds,
                         const std::string& relation, const GoldAnswers& shown,
                         const GoldAnswers& all, std::string_view idk) {
  const SquadWords silence = squad_words(idk);
  const SquadWords words = squad_words(answer);
  const auto judge = [&](const SquadWords& wanted) {
    const double f1 = word_f1(words, wanted);
    const auto kind = [&] {
      if (words == silence) return AnswerKind::idk;
      if (words.empty()) return AnswerKind::empty;
      if (words == wanted) return AnswerKind::same_words;
      if (!wanted.empty() && contains(words, wanted)) return AnswerKind::longer;
      if (contains(wanted, words)) return AnswerKind::shorter;
      if (shown.has(relation, words)) return AnswerKind::shown;
      if (all.has(relation, words)) return AnswerKind::of_relation;
      return f1 > 0 ? AnswerKind::similar : AnswerKind::other;
    };
    return JudgedAnswer{kind(), f1};
  };
  JudgedAnswer nearest = {AnswerKind::other, 0};
  for (const std::string& gold : golds) {
    const JudgedAnswer judged = judge(squad_words(gold));
    nearest = {std::min(nearest.kind, judged.kind), std::max(nearest.f1, judged.f1)};
  }
  return nearest;
}

}  // namespace factsweep::slick
