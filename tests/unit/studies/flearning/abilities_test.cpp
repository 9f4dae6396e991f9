// What an edited model can do beside the records: labelled tasks, and the perplexity of a text.
#include <cmath>
#include <string>

#include "ability_files.hpp"
#include "catch.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "study_sweep.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

std::string write_asked(const TemporaryFolder& folder) {
  nlohmann::json records = nlohmann::json::array();
  for (const char* who : {"ann", "bob"})
    records.push_back({{"subject", who},
                       {"prompt", std::string("The town of ") + who + " is"},
                       {"rephrase_prompt", std::string(who) + " lives in"},
                       {"ground_truth", "old"},
                       {"target_new", "new"},
                       {"locality_prompt", "The sea is"},
                       {"locality_ground_truth", "blue"}});
  write_file(folder / "edits.json", records.dump());
  return "[run]\nstudy = flearning\n[model]\npath = " + write_tiny_model(folder / "model").string() +
         "\n[data]\nedits = " + (folder / "edits.json").string() +
         "\n[edit]\npresets = easyedit-llama\nft_c_layer = 1\n"
         "[train]\nbatch_size = 2\n[learn]\nepochs = 2\nlearning_rate = 1e-2\n"
         "[grid]\nmethod = original, ft, ft_c\n" +
         write_abilities(folder);
}

}  // namespace

TEST_CASE("abilities are asked of every model, and of the base once", "[flearning]") {
  const StudySweep sweep(flearning::make_study(), write_asked, {"--original.train=off"});
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  const std::size_t base = sweep.first("abilities");
  for (const std::string name : kAbilities) {
    INFO(name);
    const auto of = [&](std::size_t stage) {
      return values<double>(bench, stage, "/points/" + name)[0];
    };
    CHECK(of(sweep.leaf("original")) == of(base));  // the original model is the model as it is
    CHECK(std::isfinite(of(sweep.leaf("ft"))));
    CHECK(std::isfinite(of(sweep.leaf("ft_c"))));
  }
  CHECK(values<double>(bench, sweep.leaf("ft"), "/points/ability_perplexity")[0] !=
        values<double>(bench, base, "/points/ability_perplexity")[0]);
  const Output& output = *sweep.plan.stages[base].find_output("/points/ability_perplexity");
  REQUIRE(output.places.size() == 1);
  CHECK(output.places[0].path.text() == "/abilities/ability_perplexity");
}
