// Draws, and that the real files' own outputs give their gold answers.
#include "factsweep/tasks/read_tasks.hpp"

#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "real_data.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

TEST_CASE("draws are nested, without replacement, and keyed by seed and name") {
  TaskSet set{.name = "s", .kind = TaskKind::text, .examples = {}};
  for (int i = 0; i < 100; ++i)
    set.examples.push_back({.instruction = std::to_string(i), .output = "x", .answer = "x"});
  const auto members = [](const TaskSet& part) {
    std::set<std::string> names;
    for (const TaskExample& example : part.examples) names.insert(example.instruction);
    return names;
  };
  const auto five = members(draw(set, 5, 7)), fifty = members(draw(set, 50, 7));
  CHECK(five.size() == 5);
  CHECK(fifty.size() == 50);
  CHECK(std::includes(fifty.begin(), fifty.end(), five.begin(), five.end()));
  CHECK(members(draw(set, 50, 8)) != fifty);
  TaskSet other = set;
  other.name = "t";
  CHECK(members(draw(other, 50, 7)) != fifty);
  CHECK(draw(set, 0, 7).examples.size() == 100);
  CHECK_THROWS_AS(draw(set, 101, 7), InputError);

  const TaskSplit split = hold_out(set, 30, 7);
  std::set<std::string> both = members(split.train);
  CHECK(both.size() == 70);
  both.merge(members(split.test));
  CHECK(both.size() == 100);
  CHECK_THROWS_AS(hold_out(set, 100, 7), InputError);
}

TEST_CASE("in real files every output gives its gold answer", "[real]") {
  const fs::path root = real_data("");
  if (!is_here(root / "arc")) return;
  const std::vector<std::pair<std::string, std::size_t>> files = {
      {"arc/ARC-Easy.test.json", 2376},
      {"arc/ARC-Challenge.train.json", 1119},
      {"boolq/boolq.test.json", 3270},
      {"piqa/valid.jsonl", 1838},
      {"gsm8k/test.jsonl", 1319},
      {"gsm8k/train.jsonl", 7473},
      {"mbpp/mbpp.jsonl", 974},
      {"llm_adapters_extra/openbookqa.test.json", 500},
      {"llm_adapters_extra/social_i_qa.test.json", 1954},
      {"llm_adapters_extra/winogrande.test.json", 1267},
      {"llm_adapters_extra/AQuA.AQuA.json", 254},
      {"llm_adapters_extra/AddSub.AddSub.json", 395},
      {"llm_adapters_extra/MultiArith.MultiArith.json", 600},
      {"llm_adapters_extra/SVAMP.SVAMP.json", 1000},
      {"llm_adapters_extra/SingleEq.SingleEq.json", 508},
      {"llm_adapters_extra/mawps.testset.json", 238},
      {"function_vectors/abstractive/english-german.json", 5145},
      {"instructions/alpaca_en_demo.json", 999},
      {"instructions/self_instruct_seed_tasks.jsonl", 175},
      {"instructions/dolly_prompts_small.jsonl", 151},
  };
  for (const auto& [name, count] : files) {
    for (const bool letters : {false, true}) {
      if (letters && read_task_set(root / name).examples.front().options.empty()) continue;
      const TaskSet set = read_task_set(root / name, {.letters = letters});
      INFO(name << ", letters " << letters);
      CHECK(set.examples.size() == count);
      std::size_t right = 0, options = 0, wanted = 0;
      for (const TaskExample& example : set.examples) {
        const std::string answer = extract_answer(set.kind, example, example.output);
        right += set.kind == TaskKind::code ? answer == example.answer
                                            : answer_matches(set.kind, example, answer);
        wanted += example.options.size();
        for (std::size_t i = 0; i < example.options.size(); ++i)
          options +=
              extract_answer(set.kind, example, example.option_outputs[i]) == example.names[i] &&
              !example.options[i].empty();
      }
      CHECK(right == count);
      CHECK(options == wanted);
    }
  }
  CHECK(read_task_set(root / "mbpp/mbpp.jsonl", {.part = "test"}).examples.size() == 500);
  // trec's 700 completions are all empty in this copy
  CHECK(read_task_sets(root / "t0_tasks/t0_tasks.jsonl").size() == 32);
  // OpenCompass's worked examples, by row
  const std::int64_t gsm8k_rows[] = {7364, 1708, 669, 6724}, mbpp_rows[] = {1, 2, 3};
  const TaskSet gsm8k = pick(read_task_set(root / "gsm8k/train.jsonl"), gsm8k_rows);
  CHECK_THAT(gsm8k.examples.front().instruction,
             Catch::Matchers::ContainsSubstring("Angelo and Melanie"));
  CHECK(gsm8k.name == "gsm8k");
  const TaskSet mbpp = pick(read_task_set(root / "mbpp/mbpp.jsonl"), mbpp_rows);
  CHECK_THAT(mbpp.examples.back().answer, Catch::Matchers::ContainsSubstring("heap_queue_largest"));
}
