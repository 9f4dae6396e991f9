// Post-processing on the strings that models write, and that "final" is never said too early.
#include "factsweep/tasks/answer.hpp"

#include "catch.hpp"
#include "factsweep/core/random.hpp"

using namespace factsweep;

TEST_CASE("the last number of a worked answer") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"She has 48/2 = 24 clips.\n#### 72", "72"},
      {"#### 1,450", "1450"},
      {"#### 72\n\nQuestion: Bob has 5 apples", "72"},
      {"The answer is 18.\nQuestion: If 3 men", "18"},
      {"#### 72\nSo 5 remain", "72"},
      {"Profit: $1,234.50.", "1234.50"},
      {"It costs $70,000", "70000"},
      {"of 1, 2, 3", "3"},
      {"in 2019,2020", "2020"},
      {"a loss of -5 dollars", "-5"},
      {"10-3", "3"},
      {"x=-4", "-4"},
      {"3/4", "4"},
      {"50%", "50"},
      {"version 1.5.2", "2"},
      {"0.5", "0.5"},
      {"no number at all", ""},
      {"", ""},
      {"Question: 5", ""},
      {"####\n12", "12"},
      {"#### $1,200\n3 left", "1200"},
      {"#### -5\n6", "-5"},
      {"#### Step 1: add\n5 + 5 = 10\n#### Step 2: double\n2 * 10 = 20\nThe answer is 20", "20"},
      {"#### Steps\n5 + 5 = 10\n#### 10\nThat took 2 steps.", "10"},
      {"\u00bd of 8", "8"},
      // typeset numbers
      {"The answer is \u22123.", "-3"},
      {"10\u22123", "3"},
      {"pages 5\u201310", "10"},
      {"12\u2009000 in all", "12000"},
      {"1\u00a0234\u00a0567.5", "1234567.5"},
      {"1234\u2009567", "567"},
      {"rooms 12 000", "000"},  // a plain blank parts numbers
      {"a loss of -$5", "-5"},
      {"It costs $.50", "0.50"},
      {"and so on...5", "5"},
      {"as said in 3.5.7", "7"},
      // of what "####" marks the whole line counts
      {"#### 12 000", "12000"},
      {"#### \u22123\n7", "-3"},
      {"#### 3/4", "3/4"},
      {"#### .5", "0.5"},
      {"#### 72 apples", "72"},
      {"#### Step 1\n#### 12 000", "12000"},
  };
  for (const auto& [text, number] : cases) {
    INFO(text);
    CHECK(last_number(text) == number);
  }
  CHECK(last_number("so 3/4 of it", true) == "3/4");
  CHECK(last_number("\u22121\u20442", true) == "-1/2");
  CHECK(last_number("3/x", true) == "3");
  const TaskExample gold{.output = "x", .answer = "0.3333333333333333"};
  CHECK(answer_matches(TaskKind::number, gold, "0.333"));
  CHECK_FALSE(answer_matches(TaskKind::number, gold, "0.33"));
  CHECK(answer_matches(TaskKind::number, {.output = "x", .answer = "39"}, "39.00"));
}

TEST_CASE("the letter that a text chooses") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"B. dry palms", "B"},
      {" (C) palms covered with oil", "C"},
      {"**D**", "D"},
      {"A", "A"},
      {"\nC\n", "C"},
      {"The answer is B.", "B"},
      {"The correct answer is: (D) lotion, as A is wet", "D"},
      {"the correct answer is option C", "C"},
      {"Answer: B\nQuestion: A. no", "B"},
      {"A. dry palms. The answer is B", "A"},         // it opens with a choice
      {"A cat would say that the answer is B", "B"},  // an article is no choice
      {"I think that Bob chose C", "C"},
      // what is rejected is no choice
      {"Option A is wrong because it is dry. The answer is C", "C"},
      {"The choice A would burn; the correct answer is B.", "B"},
      {"The answer A is wet, so the answer is D: dry", "D"},
      {"Option A is wet, so I choose C.", "C"},
      {"The correct option is B, as A is wet and not C", "B"},
      {"Both A and C are wet, but option B is dry", "B"},
      {"Answer to the question: option (B)", "B"},
      {"Both A and B could be, but I choose D.", "D"},
      {"Because of B , yes", "B"},
      {"Let us see: B: this", "B"},
      {"Obviously", ""},
      {"The answer is E", ""},  // not among four
      {"Reply: The dry palms", ""},
      {"Dry palms", "D"},  // OpenCompass's last resort: any capital among the options
      {"", ""},
  };
  for (const auto& [text, letter] : cases) {
    INFO(text);
    CHECK(first_option_letter(text, 4) == letter);
  }
  CHECK(first_option_letter("The answer is E", 5) == "E");
}

TEST_CASE("the first name that a text gives") {
  const std::vector<std::string> answers = {"answer1", "answer2", "answer3"},
                                 truth = {"true", "false"};
  CHECK(first_name("the correct answer is answer3", answers) == "answer3");
  CHECK(first_name("Answer2 because answer1 is wet", answers) == "answer2");
  CHECK(first_name("the answer is 2", answers).empty());
  CHECK(first_name("answer4", answers).empty());
  CHECK(first_name("That is untrue, so False.", truth) == "false");
  CHECK(first_name("TRUE", truth) == "true");
  CHECK(first_name("true/false", truth) == "true");
  CHECK(first_name("no idea: yes", {"Yes", "No"}) == "No");
  const std::vector<std::string> many = {"answer1", "answer2", "answer10"};
  CHECK(first_name("answer10", many) == "answer10");
  CHECK(first_name("answer1 or answer10", many) == "answer1");
}

TEST_CASE("an option that is only mentioned, or may grow into another, is not final") {
  const TaskExample letters{.output = "x", .answer = "A", .names = {"A", "B", "C"}};
  CHECK_FALSE(answer_is_final(TaskKind::letter, letters, "Option A is wrong."));
  CHECK_FALSE(answer_is_final(TaskKind::letter, letters, "The right option is A."));
  CHECK(answer_is_final(TaskKind::letter, letters, "Option A is wrong. The answer is B."));
  const TaskExample many{.output = "x", .answer = "x", .names = {"answer1", "answer10"}};
  CHECK_FALSE(answer_is_final(TaskKind::name, many, "It is answer1"));
  CHECK(answer_is_final(TaskKind::name, many, "It is answer10"));
  CHECK(answer_is_final(TaskKind::name, many, "It is answer1."));
  CHECK_FALSE(answer_is_final(TaskKind::number, many, "#### Step 1: add\n"));
  CHECK(answer_is_final(TaskKind::number, many, "#### Step 1: add\n#### 5\n"));
}

TEST_CASE("the program in a text") {
  CHECK(extract_code("[BEGIN]\ndef f():\n  return 1\n[DONE]\n\nmore") == "def f():\n  return 1");
  CHECK(extract_code("def f():\r\n  return 1\r\n") == "def f():\n  return 1");
  CHECK(extract_code("Here it is:\n```python\ndef f():\n  return 1\n```\nIt returns 1.") ==
        "def f():\n  return 1");
  CHECK(extract_code("```\nx = 1") == "x = 1");
  CHECK(extract_code("[BEGIN]\n```python\nx = 1\n```\n[DONE]") == "x = 1");
  CHECK(extract_code("\n\n  x = 1") == "  x = 1");
  CHECK(extract_code("[BEGIN]\n[DONE]").empty());
  CHECK(extract_code("").empty());
}

TEST_CASE("free text: one line, or all where the gold text has several") {
  const TaskExample line{.output = "the Eiffel Tower", .answer = "the Eiffel Tower"};
  CHECK(extract_answer(TaskKind::text, line, "\n Eiffel  tower.\nIt is") == "Eiffel tower.");
  CHECK(answer_matches(TaskKind::text, line, "Eiffel tower."));
  CHECK_FALSE(answer_matches(TaskKind::text, line, "tower"));
  const TaskExample lines{.output = "a\nb", .answer = "a b"};
  CHECK(extract_answer(TaskKind::text, lines, "a\n\nb\n") == "a b");
}

TEST_CASE("what is final stays, whatever follows") {
  const std::vector<std::string> pieces = {
      "A",           "B.",     "C",     " ",  "\n",  "(",      ")",         "The answer is",
      "Answer:",     " 12",    ",",     "3",  "456", "####",   "Question:", "answer",
      "1",           "2 ",     "true",  "un", "-",   "[DONE]", "[BEGIN]",   "```",
      "```python\n", "option", "x = 1", ".",  "e",   ":",      "$",         "Step",
      "/",           "\u2212", "\u2009"};
  const TaskExample example{
      .output = "x", .answer = "x", .names = {"answer1", "answer2", "Answer12", "true"}};
  CounterRandom random(5);
  for (const TaskKind kind :
       {TaskKind::letter, TaskKind::name, TaskKind::number, TaskKind::text, TaskKind::code}) {
    int finals = 0;
    for (int round = 0; round < 3000; ++round) {
      std::string text, answer;
      bool final = false;
      for (int i = 0; i < 8; ++i) {
        text += pieces[random.below(pieces.size())];
        if (final) {
          INFO(name(kind) << ": " << text);
          REQUIRE(extract_answer(kind, example, text) == answer);
          REQUIRE(answer_is_final(kind, example, text));
        } else if (answer_is_final(kind, example, text)) {
          final = true;
          ++finals;
          answer = extract_answer(kind, example, text);
        }
      }
    }
    INFO(name(kind));
    CHECK(finals > 150);
  }
}
