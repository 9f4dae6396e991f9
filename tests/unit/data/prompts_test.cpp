// Templates of prompts, and SliCK's own.
#include "factsweep/data/prompts.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"

using namespace factsweep;

namespace {

const Question kQuestion = {"P17", Split::test, "Where is {answer}?", "B", "{answer}", -1};

Prompts of(const PromptTexts& texts, bool with_shots = true) {
  return Prompts(texts, with_shots,
                 [](std::string_view key) { return "a.ini:3: prompt." + std::string(key); });
}

}  // namespace

TEST_CASE("the prompts are the paper's") {
  const Prompts own;
  const Question a{"P17", Split::dev, "Where is A?", "D E", "A", -1};
  CHECK(own.asked(std::vector{a}, kQuestion) ==
        "Q: Where is A?\nA: D E\nQ: Where is {answer}?\nA:");
  CHECK(own.train.filled(a) == "Answer the following question.\nWhere is A?\n");
  CHECK(own.p_true.filled(a, "F") ==
        "Question: Where is A?\nProposed Answer: F\nIs the proposed answer:\n\n(A) True\n(B) "
        "False\nThe proposed answer is:");
  CHECK(own.idk == "I don't know");
  CHECK(own.answer_end() == "\n");
  CHECK_FALSE(own.name_details());
}

TEST_CASE("a template is filled once, and braces that hold no name are text") {
  PromptTexts texts;
  texts.shot = "{relation}{ x } {{{question}}} {\"a\": {answer}}<end>\nNext{}";
  texts.label = "System {1 2}\n{shots}{subject}: {question}";
  const Prompts prompts = of(texts);
  CHECK(prompts.asked(std::vector{kQuestion}, kQuestion) ==
        "System {1 2}\nP17{ x } {{Where is {answer}?}} {\"a\": B}<end>\nNext{}{answer}: Where is "
        "{answer}?");
  CHECK(prompts.answer_end() == "}<end>\nNext{}");
  CHECK(prompts.name_details());
}

TEST_CASE("what is wrong with a template is said with its place") {
  const auto with = [](std::string PromptTexts::*which, const char* text, bool with_shots = true) {
    PromptTexts texts;
    texts.*which = text;
    return of(texts, with_shots);
  };
  CHECK_THROWS_WITH(with(&PromptTexts::train, "{Question} {question} {name_2}"),
                    "a.ini:3: prompt.train has the placeholder {name_2}. It may have {question}, "
                    "{subject}, {relation}.");
  CHECK_THROWS_WITH(with(&PromptTexts::label, "{question}"),
                    "a.ini:3: prompt.label lacks {shots}: '{question}'. It needs it once.");
  CHECK(with(&PromptTexts::label, "{question}", false).asked({}, kQuestion) ==
        "Where is {answer}?");
  CHECK_THROWS_AS(with(&PromptTexts::shot, "{question}{answer}"), InputError);
  CHECK_THROWS_AS(with(&PromptTexts::shot, "{answer}\n"), InputError);
  CHECK_THROWS_AS(with(&PromptTexts::idk, "a\nb"), InputError);
  CHECK_THROWS_AS(with(&PromptTexts::no, "(A)"), InputError);
}

TEST_CASE("a blank comes before the answer where the prompt does not end in white space") {
  CHECK(blank_before_answer("A:") == " ");
  CHECK(blank_before_answer("[/INST]") == " ");
  CHECK(blank_before_answer("assistant\n").empty());
  CHECK(blank_before_answer("A: ").empty());
}
