// What kind of error a wrong answer is, as far as words tell (SliCK's table of errors, which people
// filled), and how near it comes to the gold answer.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/prompts.hpp"
#include "factsweep/data/question.hpp"
#include "factsweep/data/squad_words.hpp"

namespace factsweep::slick {

/// In the order in which they are tried: an answer is of the first kind that fits. The values are
/// those of the file.
enum class AnswerKind : std::uint8_t {
  right,        // by label.match
  idk,          // "I don't know"
  empty,        // no word at all
  same_words,   // the gold answer after SQuAD's normalisation
  longer,       // the gold answer's words and more around them
  shorter,      // some of the gold answer's words in a row
  shown,        // a gold answer of the relation that the model was shown: in D, or as an exemplar
  of_relation,  // another gold answer of the relation
  similar,      // shares a word with the gold answer
  other,
};
inline constexpr std::array<const char*, 10> kAnswerKinds = {
    "right",   "I don't know", "empty",       "same words", "longer",
    "shorter", "shown",        "of relation", "similar",    "other"};
/// "0 right, 1 I don't know, ...": what a dataset of kinds says of itself.
std::string kinds_in_words();

/// The gold answers of some questions, by relation.
class GoldAnswers {
 public:
  GoldAnswers() = default;
  explicit GoldAnswers(std::span<const Question> questions) { add(questions); }

  /// The first answer, which is the one that is shown.
  void add(const Question& question) {
    answers_[question.relation].insert(squad_words(question.answer));
  }
  void add(std::span<const Question> questions) {
    for (const Question& question : questions) add(question);
  }
  /// All answers that are right.
  void add_accepted(std::span<const Question> questions) {
    for (const Question& question : questions) {
      for (const std::string& answer : accepted_answers(question))
        answers_[question.relation].insert(squad_words(answer));
    }
  }
  bool has(const std::string& relation, const SquadWords& answer) const;

 private:
  std::map<std::string, std::set<SquadWords>> answers_;
};

struct JudgedAnswer {
  AnswerKind kind = AnswerKind::right;
  double f1 = 1;  // word_f1()
};

/// A wrong answer to a question of `relation`, beside whichever of the right answers it comes
/// nearest to. `shown`: what the model was shown, `all`: what the data have, `idk`: prompt.idk.
JudgedAnswer judge_error(std::string_view answer, std::span<const std::string> golds,
                         const std::string& relation, const GoldAnswers& shown,
                         const GoldAnswers& all, std::string_view idk);

}  // namespace factsweep::slick
