// Forms of word problems, each by a small file.
#include "factsweep/tasks/read_tasks.hpp"

#include <fstream>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "task_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

TEST_CASE("word problems give numbers") {
  TaskFiles files;
  const TaskSet gsm8k = read_task_set(files.write(
      "train.jsonl",
      R"({"question": "How many?", "answer": "He has 2*600=<<2*600=1200>>1,200.\n#### 1,200"})"));
  CHECK(gsm8k.examples.at(0).output == "He has 2*600=1,200.\n#### 1,200");
  CHECK(gsm8k.examples.at(0).answer == "1200");
  CHECK(gsm8k.examples.at(0).rationale == "He has 2*600=1,200.");
  const TaskSet svamp = read_task_set(files.write(
      "SVAMP.SVAMP.json",
      R"([{"Body": "A pack costs 76", "sQuestion": "How much?", "lSolutions": 51.0}])"));
  CHECK(svamp.examples.at(0).instruction ==
        "Question: A pack costs 76. How much?\nLet's think step by step\nAnswer:");
  CHECK(svamp.examples.at(0).answer == "51");
  CHECK(read_task_set(files.write("AddSub.json", R"([{"sQuestion": "?", "lSolutions": ["43"]}])"))
            .examples.at(0)
            .output == "The answer is 43");
  CHECK(read_task_set(files.write("m.json", R"([{"original_text": "?", "ans": "0.75"}])"))
            .examples.at(0)
            .answer == "0.75");
  CHECK(read_task_set(
            files.write("math.json",
                        R"([{"instruction": "2+2?", "output": "It is 4.", "answer": 4.0}])"))
            .kind == TaskKind::number);
}

TEST_CASE("MATH as a folder of problems, and as lines") {
  TaskFiles files;
  const fs::path folder = files.folder() / "MATH" / "test";
  for (const char* type : {"algebra", "geometry"}) fs::create_directories(folder / type);
  const auto problem = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder / name) << text;
  };
  problem("algebra/10.json", R"({
    "problem": "What is half of one?",
    "level": "Level 2",
    "type": "Algebra",
    "solution": "Half of $1$ is $\\boxed{\\frac12}$."
})");
  problem(
      "algebra/2.json",
      R"({"problem": "Add.", "level": "Level 1", "type": "Algebra", "solution": "\\boxed{3}"})");
  problem(
      "geometry/1.json",
      R"({"problem": "Turn.", "level": "?", "type": "Geometry", "solution": "\\fbox{90^\\circ}"})");
  const TaskSet set = read_task_set(folder);
  CHECK(set.name == "MATH");
  CHECK(read_task_set(folder.string() + "/").name == "MATH");
  CHECK(set.kind == TaskKind::latex);
  REQUIRE(set.examples.size() == 3);
  CHECK(set.examples[0].answer == "3");
  CHECK(set.examples[1].answer == "\\frac12");
  CHECK(set.examples[1].instruction == "Problem:\nWhat is half of one?\n\nSolution:");
  CHECK(set.examples[1].output == "Half of $1$ is $\\boxed{\\frac12}$.");
  CHECK_THAT(set.examples[1].where, Catch::Matchers::EndsWith("algebra/10.json"));
  CHECK(read_task_set(folder / "algebra").name == "algebra");
  CHECK(read_task_set(folder / "algebra" / "10.json").examples.size() == 1);
  const TaskSet geometry = read_task_set(folder, {.part = "Geometry"});
  REQUIRE(geometry.examples.size() == 1);
  CHECK(extract_answer(set.kind, geometry.examples[0], geometry.examples[0].output) ==
        geometry.examples[0].answer);
  const TaskSet lines = read_task_set(files.write(
      "math500.jsonl",
      R"({"problem": "Add.", "solution": "It is 3.", "answer": "3", "subject": "Algebra", "level": 1}
{"problem": "Add.", "solution": "It is $\\boxed{4}$.", "subject": "Algebra", "level": 1})"));
  CHECK(lines.examples.at(0).answer == "3");
  CHECK(lines.examples.at(1).answer == "4");
  problem("geometry/2.json", R"({"problem": "Turn.", "type": "Geometry", "solution": "90"})");
  const TaskSet three = read_task_set(folder);
  CHECK(three.examples.size() == 3);
  CHECK_THAT(three.bad.told(), Catch::Matchers::ContainsSubstring("geometry/2.json") &&
                                   Catch::Matchers::ContainsSubstring("without '\\boxed{ANSWER}'"));
  fs::create_directories(files.folder() / "none");
  CHECK_THAT(input_error([&] { read_task_set(files.folder() / "none"); }),
             Catch::Matchers::ContainsSubstring("a folder without a .json file"));
}

