// Forms of multiple choice, each by a small file.
#include "factsweep/tasks/read_tasks.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "task_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

TEST_CASE("templated choices are taken apart") {
  TaskFiles files;
  const fs::path path = files.write("ARC-Easy.train.json", kChoice);
  const TaskSet named = read_task_set(path);
  CHECK(named.name == "ARC-Easy");
  CHECK(named.kind == TaskKind::name);
  const TaskExample& example = named.examples.at(0);
  CHECK(example.options == std::vector<std::string>{"dry palms", "wet: palms"});
  CHECK(example.names == std::vector<std::string>{"answer1", "answer2"});
  CHECK(example.option_outputs ==
        std::vector<std::string>{"the correct answer is answer1", "the correct answer is answer2"});
  CHECK(example.gold() == 1);
  CHECK_THAT(example.where, Catch::Matchers::ContainsSubstring("ARC-Easy.train.json:1: record 1"));

  const TaskSet letters = read_task_set(path, {.letters = true});
  CHECK(letters.kind == TaskKind::letter);
  CHECK(letters.examples.at(0).instruction ==
        "Question: Why: so?\nA. dry palms\nB. wet: palms\nAnswer:");
  CHECK(letters.examples.at(0).output == "B. wet: palms");
  CHECK(letters.examples.at(0).answer == "B");
}

TEST_CASE("options that are their own names, and options in one line") {
  TaskFiles files;
  const TaskSet boolq = read_task_set(files.write(
      "train.json",
      R"([{"instruction": "Please answer the following question with true or false, question: do they?\n\nAnswer format: true/false", "input": "", "output": "the correct answer is false", "answer": "false"}])"));
  CHECK(boolq.examples.at(0).options == std::vector<std::string>{"true", "false"});
  CHECK(boolq.examples.at(0).gold() == 1);
  const TaskSet grande = read_task_set(
      files.write(
          "w.json",
          R"([{"instruction": "Please choose the correct answer to fill in the blank to complete the given sentence: Sarah _ so.\n\nOption1: Sarah Option2: Maria Answer format: option1/option2", "input": "", "output": "the correct answer is option2", "answer": "option2"}])"),
      {.letters = true});
  CHECK(grande.examples.at(0).instruction == "Question: Sarah _ so.\nA. Sarah\nB. Maria\nAnswer:");
}

TEST_CASE("ARC as AI2 and as Hugging Face publish it") {
  TaskFiles files;
  const fs::path own = files.write(
      "ARC-Challenge-Dev.jsonl",
      R"({"id": "a", "question": {"stem": "Why?", "choices": [{"text": "dry palms", "label": "A"}, {"text": "wet", "label": "B"}, {"text": "oil", "label": "C"}]}, "answerKey": "C"}
{"id": "b", "question": {"stem": "How?", "choices": [{"text": "so", "label": "1"}, {"text": "thus", "label": "2"}, {"text": "slowly", "label": "3"}, {"text": "not", "label": "4"}]}, "answerKey": "2"}
)");
  const TaskSet set = read_task_set(own);
  CHECK(set.name == "ARC-Challenge-Dev");
  CHECK(set.kind == TaskKind::letter);
  REQUIRE(set.examples.size() == 2);
  CHECK(set.examples[0].instruction == "Question: Why?\nA. dry palms\nB. wet\nC. oil\nAnswer:");
  CHECK(set.examples[0].output == "C. oil");
  CHECK(set.examples[1].answer == "B");
  CHECK(set.examples[1].gold() == 1);

  const fs::path flat = files.write(
      "flat.jsonl",
      R"({"id": "b", "question": "How?", "choices": {"text": ["so", "thus", "slowly", "not"], "label": ["1", "2", "3", "4"]}, "answerKey": "2"})");
  CHECK(read_task_set(flat).examples.at(0).instruction == set.examples[1].instruction);
  CHECK(read_task_set(flat, {.form = "arc"}).examples.at(0).output == "B. thus");

  const TaskSet four = read_task_set(own, {.options = 4});
  REQUIRE(four.examples.size() == 1);
  CHECK(four.examples[0].output == "B. thus");
  CHECK(four.left_out == 1);
  CHECK_THAT(input_error([&] { read_task_set(own, {.options = 5}); }),
             Catch::Matchers::ContainsSubstring("no record has 5 options"));
}

TEST_CASE("BoolQ with its passages, as its makers and SuperGLUE publish it") {
  TaskFiles files;
  const TaskSet own = read_task_set(
      files.write("dev.jsonl",
                  R"({"question": "is it so", "title": "It", "answer": true, "passage": "It is so."}
{"question": "is it not", "title": "It", "answer": false, "passage": "It is so."}
)"));
  CHECK(own.kind == TaskKind::letter);
  CHECK(own.examples.at(0).instruction == "It is so.\nQuestion: is it so\nA. Yes\nB. No\nAnswer:");
  CHECK(own.examples.at(0).output == "A. Yes");
  CHECK(own.examples.at(1).answer == "B");
  const TaskSet glue = read_task_set(
      files.write("val.jsonl",
                  R"({"question": "is it so", "passage": "It is so.", "idx": 0, "label": true}
{"question": "is it not", "passage": "It is so.", "idx": 1, "label": "false"}
{"question": "is it not", "passage": "It is so.", "idx": 1, "label": 0}
)"));
  CHECK(glue.name != "val");
  CHECK(glue.examples.at(0).answer == "A");
  CHECK(glue.examples.at(1).answer == "B");
  CHECK(glue.examples.at(2).answer == "B");
  const TaskSet table =
      read_task_set(files.write("t.csv",
                                "passage,question,label\nIt is.,is it,True\nIt is.,is it so,0\n"
                                "It is.,is it not,False\nIt is.,so,1.0\n"));
  CHECK(table.form == "boolq");
  std::string letters;
  for (const TaskExample& example : table.examples) letters += example.answer;
  CHECK(letters == "ABBA");
  const fs::path unlabelled =
      files.write("test.jsonl", R"({"question": "is it so", "passage": "It.", "label": -1})");
  CHECK_THAT(input_error([&] { read_task_set(unlabelled); }),
             Catch::Matchers::ContainsSubstring("test.jsonl:1") &&
                 Catch::Matchers::ContainsSubstring("neither true nor false"));
}

TEST_CASE("PIQA takes its labels from the file beside, and is refused without them") {
  TaskFiles files;
  const std::string records =
      R"({"goal": "Dry a cup", "sol1": "Wipe it", "sol2": "Wet it"}
{"goal": "Wet a cup", "sol1": "Wipe it", "sol2": "Dip it"}
)";
  const fs::path path = files.write("valid.jsonl", records);
  CHECK_THAT(input_error([&] { read_task_set(path); }),
             Catch::Matchers::ContainsSubstring("valid-labels.lst"));
  files.write("valid-labels.lst", "0\n1\n");
  const TaskSet set = read_task_set(path);
  CHECK(set.examples.at(0).answer == "A");
  CHECK(set.examples.at(1).answer == "B");
  CHECK(set.examples.at(1).instruction == "Wet a cup\nA. Wipe it\nB. Dip it\nAnswer:");
  files.write("valid-labels.lst", "0\n1\n0\n");
  CHECK_THAT(input_error([&] { read_task_set(path); }),
             Catch::Matchers::ContainsSubstring("3 labels"));
  files.write("valid-labels.lst", "0\n2\n");
  CHECK_THAT(input_error([&] { read_task_set(path); }),
             Catch::Matchers::ContainsSubstring("labels.lst:2"));
}

TEST_CASE("MMLU as its makers' CSV files and as JSON lines have it") {
  TaskFiles files;
  const fs::path csv =
      files.write("high_school_physics_test.csv",
                  "\"What is \"\"it\"\", then?\nSay so.\",dry palms,\"wet, palms\",3,None,B\n"
                  "Which one?,a,b,c,d,D\n");
  const TaskSet set = read_task_set(csv);
  CHECK(set.name == "high_school_physics");
  CHECK(set.kind == TaskKind::letter);
  REQUIRE(set.examples.size() == 2);
  const TaskExample& example = set.examples[0];
  CHECK(example.instruction ==
        "The following are multiple choice questions (with answers) about high school physics.\n\n"
        "What is \"it\", then?\nSay so.\nA. dry palms\nB. wet, palms\nC. 3\nD. None\nAnswer:");
  CHECK(example.output == "B");
  CHECK(example.answer == "B");
  CHECK(example.options[1] == "wet, palms");
  CHECK(example.option_outputs == std::vector<std::string>{"A", "B", "C", "D"});
  CHECK(set.examples[1].gold() == 3);
  CHECK_THAT(set.examples[1].where, Catch::Matchers::ContainsSubstring("_test.csv:3"));

  const fs::path lines = files.write(
      "all.jsonl",
      R"({"question": "Which one?", "subject": "astronomy", "choices": ["a", "b", "c", "d"], "answer": 3}
{"question": "And here?", "subject": "high_school_physics", "choices": ["a", "b", "c", "d"], "answer": "A"}
)");
  const std::vector<TaskSet> sets = read_task_sets(lines);
  REQUIRE(sets.size() == 2);
  CHECK(sets[0].name == "astronomy");
  CHECK(sets[0].examples.at(0).answer == "D");
  CHECK(read_task_set(lines, {.part = "high_school_physics"}).examples.at(0).answer == "A");
  CHECK_THAT(input_error([&] { read_task_set(lines, {.part = "virology"}); }),
             Catch::Matchers::ContainsSubstring("no part 'virology'"));
  const TaskSet plain = read_task_set(
      files.write("mine.jsonl", R"({"question": "Which?", "choices": ["a", "b"], "answer": 0})"));
  CHECK(plain.name == "mine");
  CHECK(
      plain.examples.at(0).instruction ==
      "The following are multiple choice questions (with answers).\n\nWhich?\nA. a\nB. b\nAnswer:");

  const fs::path headed =
      files.write("virology_val.csv", "question,A,B,C,D,Answer\nQ?,a,b,c,d,C\n");
  CHECK(read_task_set(headed).name == "virology");
  CHECK(read_task_set(headed).examples.at(0).answer == "C");
  const auto error = [&](const std::string& name, const std::string& text) {
    const fs::path path = files.write(name, text);
    return input_error([&] { read_task_sets(path); });
  };
  const TaskSet short_row = read_task_set(files.write("a.csv", "Q?,a,b,c,d,A\nQ?,a,b,c,A\n"));
  CHECK(short_row.examples.size() == 1);
  CHECK_THAT(short_row.bad.told(), Catch::Matchers::ContainsSubstring("has 5 columns") &&
                                       Catch::Matchers::ContainsSubstring("a.csv:2"));
  CHECK_THAT(error("b.csv", "Q?,a,b,c,d,E\n"),
             Catch::Matchers::ContainsSubstring("b.csv:1") &&
                 Catch::Matchers::ContainsSubstring("none of its 4 options") &&
                 Catch::Matchers::ContainsSubstring("\"E\""));
  CHECK_THAT(error("c.csv", "Q?,a,,c,d,A\n"),
             Catch::Matchers::ContainsSubstring("an empty option") &&
                 Catch::Matchers::ContainsSubstring("the 2. of 4"));
  CHECK_THAT(error("d.csv", "Q?,\"a,b,c,d,A\n"),
             Catch::Matchers::ContainsSubstring("d.csv:1: a quotation mark"));
  CHECK_THAT(error("e.jsonl", R"({"question": "Q?", "choices": ["a", "b"], "answer": 5})"),
             Catch::Matchers::ContainsSubstring("none of its 2 options"));
}

