// TruthfulQA as MC1, in the forms in which it is published.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/read_tasks.hpp"
#include "task_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

TEST_CASE("TruthfulQA: its JSON, Hugging Face's, and the table") {
  TaskFiles files;
  const std::vector<fs::path> paths = {
      files.write("mc_task.json", R"([{"question": "Why so?",
        "mc1_targets": {"It is so.": 0, "It is not.": 1, "Nobody knows.": 0},
        "mc2_targets": {"It is so.": 0, "It is not.": 1, "It isn't.": 1}}])"),
      files.write("hub.jsonl", R"({"question": "Why so?", "mc1_targets": {"choices": )"
                               R"(["It is not.", "It is so.", "Nobody knows."], "labels": [1, 0, 0]}})"),
      files.write("TruthfulQA.csv",
                  "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
                  "Plain,Law,Why so?,It is not,It is not; It isn't,It is so; Nobody knows.,here\n")};
  for (const fs::path& path : paths) {
    INFO(path);
    const TaskSet set = read_task_set(path);
    CHECK(set.kind == TaskKind::choice);
    REQUIRE(set.examples.size() == 1);
    const TaskExample& example = set.examples.front();
    CHECK(std::set<std::string>(example.options.begin(), example.options.end()) ==
          std::set<std::string>{"It is so.", "It is not.", "Nobody knows."});
    CHECK(example.options.at(static_cast<std::size_t>(example.gold())) == "It is not.");
    CHECK(example.output == "It is not.");
    CHECK_THAT(example.instruction,
               Catch::Matchers::StartsWith("Q: What is human life expectancy in the United") &&
                   Catch::Matchers::EndsWith("in Barcelona, Spain.\n\nQ: Why so?\nA:"));
  }
  CHECK(read_task_set(paths[0]).name == "mc_task");
}

TEST_CASE("TruthfulQA: what is no question of MC1 is named") {
  TaskFiles files;
  const auto error = [&](const std::string& targets) {
    const fs::path path = files.write(
        "bad.jsonl", R"({"question": "Why?", "mc1_targets": )" + targets + "}\n");
    return input_error([&] { read_task_set(path); });
  };
  for (const auto& [targets, words] : std::vector<std::pair<std::string, std::string>>{
           {R"({"a": 1, "b": 1})", "has 2 options of which 2 are true"},
           {R"({"a": 0, "b": 0})", "has 2 options of which 0 are true"},
           {R"({"a": 1})", "has 1 options of which 1 are true"},
           {R"({"a": 1, "b": 2})", "a label in 'mc1_targets' that is neither 0 nor 1"},
           {R"({"a": 1, " ": 0})", "an empty option"},
           {R"({"choices": ["a", "a"], "labels": [1, 0]})", "the option 'a' twice"},
           {R"({"choices": ["a", "b"], "labels": [1]})", "has 2 choices and 1 labels"},
           {R"(["a"])", "no object in 'mc1_targets'"}}) {
    INFO(targets);
    CHECK_THAT(error(targets), Catch::Matchers::ContainsSubstring(words) &&
                                   Catch::Matchers::ContainsSubstring("bad.jsonl:1"));
  }
}
