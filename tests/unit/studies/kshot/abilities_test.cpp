// What a method's model can do beside the tasks: labelled tasks, and the perplexity of a text.
#include <cmath>
#include <map>
#include <string>

#include "ability_files.hpp"
#include "catch.hpp"
#include "decks.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/kshot/study.hpp"
#include "study_sweep.hpp"
#include "task_records.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

std::string write_asked(const TemporaryFolder& folder) {
  const std::string model = write_tiny_model(folder / "model").string();
  for (const char* name : {"one", "two", "b1"})
    write_file(folder / (std::string(name) + ".json"), task_records(name, 12).dump());
  for (const char* name : {"one_test", "two_test"})
    write_file(folder / (std::string(name) + ".json"), task_records(name, 3).dump());
  write_file(folder / "open.json", task_records("open", 10).dump());
  const nlohmann::json sets = {
      {"tasks",
       {{{"name", "one"}, {"train", "one.json"}, {"test", "one_test.json"}, {"pool", "open"}},
        {{"name", "two"}, {"train", "two.json"}, {"test", "two_test.json"}, {"pool", "open"}}}},
      {"pools", {{"open", {"open.json"}}}},
      {"bank",
       {{{"name", "one"}, {"task", "one"}},
        {{"name", "two"}, {"task", "two"}},
        {{"name", "b1"}, {"train", "b1.json"}}}}};
  write_file(folder / "sets.json", sets.dump());
  return quick_deck(folder.path(), model, "packed = 3\n", "experts = 2\ntop_k = 1\ndraw = 1\n") +
         write_abilities(folder);
}

}  // namespace

TEST_CASE("abilities are asked of every method's model, and of the base once", "[kshot]") {
  const StudySweep sweep(
      kshot::make_study(), write_asked,
      {"--grid.method=base, expert_lora, source_best, lora, uniform, smear, fresh_experts_shots"});
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  std::map<std::string, std::size_t> rows;  // of the base: each task's point, and its own
  std::size_t stages = 0;
  for (std::size_t i = 0; i < sweep.plan.stages.size(); ++i) {
    if (sweep.plan.stages[i].kind != "abilities") continue;
    ++stages;
    for (const Slab& place : sweep.plan.stages[i].find_output("/points/ability_mc")->places)
      ++rows[place.path.text()];
  }
  CHECK(stages == 1);
  CHECK(rows == std::map<std::string, std::size_t>{{"/abilities/ability_mc", 1},
                                                   {"/points/ability_mc", 2}});
  const double base = values<double>(bench, sweep.first("abilities"), "/points/ability_perplexity")[0];
  for (const Point& point : sweep.plan.points) {
    INFO(point.id);
    const bool is_base = point.id.find("base") != point.id.npos,
               is_merged = point.id.find("smear") != point.id.npos;
    if (is_base) continue;
    for (const std::string name : kAbilities) {
      INFO(name);
      const double value = values<double>(bench, point.leaf, "/points/" + name)[0];
      CHECK(std::isfinite(value) == !(is_merged && name == "ability_perplexity"));
    }
    if (!is_merged)
      CHECK(values<double>(bench, point.leaf, "/points/ability_perplexity")[0] != base);
  }
  // the bank's best is asked as itself
  const std::size_t best = sweep.leaf("source_best");
  const auto chosen = values<std::int32_t>(bench, best, "/selection/adapter")[0];
  if (chosen == 0)
    CHECK(values<double>(bench, best, "/points/ability_perplexity") ==
          values<double>(bench, sweep.leaf("expert_lora"), "/points/ability_perplexity"));
}

TEST_CASE("what is asked beside is in the keys of the stages that ask it", "[kshot]") {
  const std::vector<std::string> none = {"--ability.tasks=", "--ability.text=",
                                         "--ability.text_tokens=10000", "--ability.text_window=1024"};
  const StudySweep asked(kshot::make_study(), write_asked, {}),
      silent(kshot::make_study(), write_asked, none);
  for (const char* kind : {"own", "best", "tune"})
    CHECK(keys_of(asked.plan, kind) != keys_of(silent.plan, kind));
  for (const char* kind : {"bank", "test", "select", "augment", "signals"})
    CHECK(keys_of(asked.plan, kind) == keys_of(silent.plan, kind));
  CHECK(keys_of(silent.plan, "abilities").empty());
}
