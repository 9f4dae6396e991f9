// What is wrong with a file of tasks, and how it is said.
#include "factsweep/tasks/read_tasks.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "task_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

TEST_CASE("a byte-order mark is no part of a task's file") {
  TaskFiles files;
  const std::string plain = kChoice;
  const TaskSet with_mark = read_task_set(files.write("mark.json", "\xef\xbb\xbf" + plain));
  const TaskSet without = read_task_set(files.write("plain.json", plain));
  REQUIRE(with_mark.examples.size() == without.examples.size());
  CHECK(with_mark.examples[0].output == without.examples[0].output);
}

TEST_CASE("a bad record costs neither its file nor the others") {
  TaskFiles files;
  const std::string good = R"({"instruction": "Do", "input": null, "output": "so"})";
  const fs::path path = files.write("x.jsonl", R"({"instruction": "Do", "input": "a", "output": " "}
)" + good + "\n{\"instruction\": \n" + R"({"instruction": ["Do"], "output": "b"}
{"instruction": "caf)" + "\xe9" + R"(", "output": "b"}
{"prompt": "Do", "completion": "b"}
{"instruction": "Do", "output": 1889}
)" + good + "\n");
  const TaskSet set = read_task_set(path, {.bad_records = 0.9});
  REQUIRE(set.examples.size() == 3);
  CHECK(set.examples[0].input.empty());
  CHECK(set.examples[1].output == "1889");
  CHECK_THAT(set.examples[2].where, Catch::Matchers::EndsWith("x.jsonl:8"));
  // rows are records of the file, the bad ones too: what names rows keeps its meaning
  CHECK(set.examples[0].row == 1);
  CHECK(set.examples[2].row == 7);
  CHECK(set.bad.records() == 5);
  CHECK(set.bad.reasons().at("the record has an empty 'output'").first.at(0) == path.string() + ":1");
  CHECK(set.bad.reasons().at("is not valid JSON").first.at(0).starts_with(path.string() + ":3: column "));
  CHECK(set.bad.told().find('\xe9') == std::string::npos);
  std::string many;
  for (int i = 0; i < 11; ++i) many += "{\"instruction\": \"Do\"}\n";
  for (int i = 0; i < 20; ++i) many += good + "\n";
  const fs::path worse = files.write("y.jsonl", many);
  CHECK_THAT(input_error([&] { read_task_set(worse); }),
             Catch::Matchers::ContainsSubstring("11 of its 31 records are bad, more than "
                                                "data.bad_records = 0.05 allows") &&
                 Catch::Matchers::ContainsSubstring("y.jsonl:1, "));
  CHECK(read_task_set(worse, {.bad_records = 0.5}).examples.size() == 20);
}

TEST_CASE("a bad first record does not choose the form") {
  TaskFiles files;
  const TaskSet set = read_task_set(files.write(
      "gsm.jsonl",
      R"({"question": "1?", "answer": "five"}
{"question": "2?", "answer": "It is 2.\n#### 2"}
{"question": "3?", "answer": "It is 3.\n#### 3"}
)"));
  CHECK(set.kind == TaskKind::number);
  CHECK(set.examples.size() == 2);
  CHECK(set.bad.records() == 1);
}

TEST_CASE("files that are something else are called by their name, of tasks too") {
  TaskFiles files;
  const fs::path table = files.write("t.json", "question,answer\nWhy?,So\n");
  CHECK_THAT(input_error([&] { read_task_set(table); }),
             Catch::Matchers::ContainsSubstring("it looks like a table, a CSV file"));
  const fs::path unnamed = files.write("t.csv", "frage,antwort\nWarum?,Darum\n");
  CHECK_THAT(input_error([&] { read_task_set(unnamed); }),
             Catch::Matchers::ContainsSubstring("no known form: antwort, frage"));
  CHECK(read_task_set(unnamed, {.columns = {{"question", "frage"}, {"answer", "antwort"}}})
            .examples.at(0)
            .output == "Darum");
  CHECK_THAT(input_error([&] {
               read_task_set(table.parent_path() / "t.csv",
                             {.columns = {{"question", "frage"}, {"answer", "reply"}}});
             }),
             Catch::Matchers::ContainsSubstring("no record has the column 'reply'"));
}

TEST_CASE("examples that ask the same are told apart from those that contradict each other") {
  const auto example = [](const char* question, const char* output) {
    return TaskExample{.instruction = question, .output = output, .where = question};
  };
  const TaskSet set{.name = "s",
                    .examples = {example("a", "1"), example("b", "1"), example("a", "1"),
                                 example("c", "1"), example("c", "2"), example("a", "1")}};
  TaskSet kept = set, dropped = set;
  const RecordCounts counts = repeated_examples(kept, /*drop=*/false);
  CHECK(kept.examples.size() == 6);
  CHECK(counts.reasons().at("the same as an earlier example").records == 2);
  CHECK(counts.reasons().at("asked again with another output").records == 2);
  CHECK(repeated_examples(dropped, /*drop=*/true).records() == 4);
  REQUIRE(dropped.examples.size() == 2);
  CHECK(dropped.examples[1].instruction == "b");
}

TEST_CASE("what is wrong with a file is said with its place and key") {
  TaskFiles files;
  const auto error_of = [&](const std::string& text, const ReadTasksSettings& settings = {}) {
    const fs::path path = files.write("x.json", text);
    return input_error([&] { read_task_sets(path, settings); });
  };
  CHECK_THAT(error_of(R"([{"input": "a", "output": ["3.5"]}])"),
             Catch::Matchers::ContainsSubstring("x.json:1: record 1") &&
                 Catch::Matchers::ContainsSubstring("no text in 'output'"));
  CHECK_THAT(error_of(R"([{"input": "a", "output": " \n"}])"),
             Catch::Matchers::ContainsSubstring("empty 'output'"));
  CHECK_THAT(error_of(R"([{"dialogue": []}])"),
             Catch::Matchers::ContainsSubstring("no known form") &&
                 Catch::Matchers::ContainsSubstring("goal, sol1, sol2"));
  CHECK_THAT(error_of("[3]"), Catch::Matchers::ContainsSubstring("no JSON object"));
  CHECK_THAT(error_of("[]"), Catch::Matchers::ContainsSubstring("holds no record"));
  CHECK_THAT(error_of("{\"input\": \n"), Catch::Matchers::ContainsSubstring("x.json:1"));
  CHECK_THAT(error_of(kChoice, {.form = "gsm8k"}),
             Catch::Matchers::ContainsSubstring("form 'gsm8k'"));
  CHECK_THAT(error_of(kChoice, {.form = "choice"}), Catch::Matchers::ContainsSubstring("choices"));
  CHECK_THAT(error_of(kChoice, {.part = "test"}),
             Catch::Matchers::ContainsSubstring("have no parts"));
  CHECK_THAT(error_of(R"([{"question": "?", "answer": "5"}])", {.form = "gsm8k"}),
             Catch::Matchers::ContainsSubstring("gsm8k"));
  CHECK_THAT(error_of(R"([{"sQuestion": "?", "lSolutions": "many"}])"),
             Catch::Matchers::ContainsSubstring("not one number"));
  std::string other = kChoice;
  other.replace(other.rfind("answer2"), 7, "answer5");
  CHECK_THAT(error_of(other), Catch::Matchers::ContainsSubstring("'answer5'"));
  // options
  std::string empty = kChoice;
  empty.replace(empty.find("dry palms"), 9, "");
  CHECK_THAT(error_of(empty),
             Catch::Matchers::ContainsSubstring("record 1") &&
                 Catch::Matchers::ContainsSubstring("an empty option") &&
                 Catch::Matchers::ContainsSubstring("the 1. of 2"));
  CHECK_THAT(error_of(R"([{"sQuestion": "?", "options": ["A)1", "B) "], "lSolutions": "A"}])"),
             Catch::Matchers::ContainsSubstring("record 1") &&
                 Catch::Matchers::ContainsSubstring("the 2. of 2"));
  const std::string arc =
      R"([{"question": "?", "choices": {"text": ["a", " "], "label": ["A", "B"]}, "answerKey": "A"}])";
  CHECK_THAT(error_of(arc), Catch::Matchers::ContainsSubstring("record 1") &&
                                Catch::Matchers::ContainsSubstring("an empty option"));
  std::string unknown = arc;
  unknown.replace(unknown.rfind("\"A\""), 3, "\"E\"");
  unknown.replace(unknown.find("\" \""), 3, "\"b\"");
  CHECK_THAT(error_of(unknown), Catch::Matchers::ContainsSubstring("'answerKey' that no option has") &&
                                    Catch::Matchers::ContainsSubstring("'E'"));
  std::string labels = arc;
  labels.replace(labels.find(", \"B\""), 5, "");
  CHECK_THAT(error_of(labels), Catch::Matchers::ContainsSubstring("in 'choices'") &&
                                   Catch::Matchers::ContainsSubstring("1 labels"));
  const std::string instances =
      R"([{"instruction": "Do", "instances": [{"input": "", "output": "1"}, {"input": "x"}]}])";
  CHECK_THAT(error_of(instances), Catch::Matchers::ContainsSubstring("2. of 'instances'") &&
                                      Catch::Matchers::ContainsSubstring("no 'output'"));
  CHECK_THAT(error_of(R"([{"question": {"stem": "?"}, "answerKey": "A"}])"),
             Catch::Matchers::ContainsSubstring("in 'question'") &&
                 Catch::Matchers::ContainsSubstring("no 'choices'"));
}

