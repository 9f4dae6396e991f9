// Wrong answers told apart by their words.
#include "../../../../src/studies/slick/answer_kinds.hpp"

#include "catch.hpp"

using namespace factsweep;
using namespace factsweep::slick;

namespace {

Question about(const std::string& relation, const std::string& answer) {
  return {relation, Split::train, "", answer, "", -1};
}

constexpr const char* kIdk = "I don't know";

}  // namespace

TEST_CASE("a wrong answer is of the first kind that fits") {
  const std::vector<Question> taught = {about("P17", "Norway"), about("P36", "Oslo")};
  const GoldAnswers shown(taught);
  GoldAnswers all = shown;
  all.add(about("P17", "New Spain"));
  const auto kind = [&](const std::string& answer, const std::string& gold = "Kingdom of Spain") {
    return judge_error(answer, std::vector{gold}, "P17", shown, all, kIdk).kind;
  };
  CHECK(kind("I don't know.") == AnswerKind::idk);
  CHECK(kind(" \n") == AnswerKind::empty);
  CHECK(kind("the kingdom of Spain.") == AnswerKind::same_words);
  CHECK(kind("The Kingdom of Spain, Europe") == AnswerKind::longer);
  CHECK(kind("Spain") == AnswerKind::shorter);
  CHECK(kind("of the Spain") == AnswerKind::shorter);
  CHECK(kind("Spain of") == AnswerKind::similar);  // not in a row
  CHECK(kind("norway") == AnswerKind::shown);
  CHECK(kind("New Spain") == AnswerKind::of_relation);  // before it is similar
  CHECK(kind("Oslo") == AnswerKind::other);             // of another relation
  CHECK(kind("Oslo", "The") == AnswerKind::other);      // a gold answer without words
  const std::vector<std::string> golds = {"Kingdom of Spain", "Espagne"};
  const JudgedAnswer half = judge_error("Spain", golds, "P17", shown, all, kIdk);
  CHECK(half.f1 == Approx(0.5));
  // of several right answers the nearest
  CHECK(half.kind == AnswerKind::shorter);
  CHECK(judge_error("l'Espagne, Espagne", golds, "P17", shown, all, kIdk).kind ==
        AnswerKind::longer);
  CHECK(judge_error("Keine Ahnung!", golds, "P17", shown, all, "keine Ahnung").kind ==
        AnswerKind::idk);
  CHECK_FALSE(all.has("P999", {U"norway"}));
}
