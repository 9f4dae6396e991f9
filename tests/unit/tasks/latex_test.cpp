// MATH's answers: where they stand in a solution, and when two of them are one.
#include "../../../src/tasks/latex.hpp"

#include "catch.hpp"
#include "factsweep/tasks/answer.hpp"

using namespace factsweep;
using namespace factsweep::tasks;

TEST_CASE("the last box is the answer") {
  CHECK(last_boxed(R"(so $\boxed{\frac{1}{2}}$.)") == R"(\frac{1}{2})");
  CHECK(last_boxed(R"(\boxed{1} and \boxed{ 2 })") == "2");
  CHECK(last_boxed(R"(\fbox{x}.)") == "x");
  CHECK(last_boxed(R"($\boxed 7$ apples)") == "7");
  CHECK(last_boxed(R"(\boxed {8})") == "8");
  CHECK(last_boxed(R"(\boxed{\left\{ a \right\}})") == R"(\left\{ a \right\})");
  CHECK_FALSE(last_boxed(R"(\boxed{1} and \boxed{2)").has_value());
  CHECK_FALSE(last_boxed("none").has_value());
}

TEST_CASE("an answer is boxed, or said to be one") {
  CHECK(latex_answer(R"(The answer is 3. $\boxed{4}$
Problem:
x $\boxed{5}$)") == "4");
  CHECK(latex_answer("Final Answer: The final answer is $\\frac12$. I hope it is correct.") ==
        "\\frac12");
  CHECK(latex_answer("so the answer is: 1.5.\nmore") == "1.5");
  CHECK(latex_answer("x = 3").empty());
  CHECK(latex_answer("").empty());
}

// What is_equiv of MATH's math_equivalence.py says of these pairs.
TEST_CASE("two answers are equal when MATH's own comparison says so") {
  const std::pair<const char*, const char*> same[] = {
      {R"(\tfrac{3}{4} +\! \frac1{72})", R"(\dfrac{3}{4} + \frac{1}{72})"},
      {R"(12\text{ apples})", "12 "},
      {"7", R"(\$7)"},
      {R"(\left(x-2\right)\left(x+2\right))", "(x-2)(x+2)"},
      {"0.25", ".25"},
      {R"(10\%)", "10"},
      {"10%", "10"},
      {R"(3\sqrt{5} + \sqrt2)", R"(3\sqrt5+\sqrt{2})"},
      {R"(\frac34i)", R"(\frac{3}{4}i)"},
      {R"(\frac1{72})", R"(\frac{1}{72})"},
      {"2/3", R"(\frac{2}{3})"},
      {"-2/3", R"(\frac{-2}{3})"},
      {"0.5", R"(\frac12)"},
      {".5", "1/2"},
      {"x=5", "5"},
      {"k = 5", "5"},
      {R"(90^\circ)", "90"},
      {R"(90^{\circ})", "90"},
      {"1,\n2", "1, 2"},
      {R"(\begin{pmatrix} 1 \\ .2 \end{pmatrix})", R"(\begin{pmatrix}1\0.2\end{pmatrix})"},
      {"\\sqrt\u03c0", "\\sqrt{\u03c0}"},
      {R"(\frac)", R"(\frac)"},
  };
  for (const auto& [one, other] : same) {
    INFO(one << " and " << other);
    CHECK(latex_equal(one, other));
    CHECK(latex_equal(other, one));
  }
  const std::pair<const char*, const char*> different[] = {
      {"10, 4, -2", "4, 10, -2"},
      {R"(10\text{ units})", "100"},
      {"02/3", R"(\frac{02}{3})"},
      {"xyz=5", "5"},
      {"1 = 2 = 3", "3"},
      {"x+2", "2+x"},
      {R"(-\frac{2}{3})", "-2/3"},
      {"1,000", "1000"},
      {R"(\text{Evelyn})", "Evelyn"},
      {R"(\frac)", R"(\frac )"},
      {R"(1\text{ a}\text{ b})", "1"},
      {"2/3/4", R"(\frac{2}{3}/4)"},
  };
  for (const auto& [one, other] : different) {
    INFO(one << " and " << other);
    CHECK_FALSE(latex_equal(one, other));
    CHECK_FALSE(latex_equal(other, one));
  }
  const TaskExample example{.output = "x", .answer = R"(\frac{1}{2})"};
  CHECK(answer_matches(TaskKind::latex, example, "0.5"));
  CHECK_FALSE(answer_matches(TaskKind::latex, example, ""));
  CHECK_FALSE(answer_is_final(TaskKind::latex, example, R"(\boxed{0.5}.)"));
  CHECK(answer_is_final(TaskKind::latex, example, "\\boxed{0.5}.\n\nProblem:"));
}
