// data.exposures: counts of facts stand beside the labels, and change no stage.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "facts.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

TEST_CASE("exposures of a user's file are joined to the questions", "[slick]") {
  const TemporaryFolder folder;
  write_facts(folder.path());
  const auto expand = [&](const std::vector<std::string>& overrides) {
    const std::string deck = "[run]\nstudy = slick\n[model]\npath = " +
                             model_data("llama-tied").string() + "\n[data]\nfacts = " +
                             folder.path().string() +
                             "\nrelations = P1, P2\n[label]\nexemplar_sets = 3\nshots = 2\n"
                             "[grid]\nunknown_ratio = 0.5\n";
    return expand_deck(slick::make_study(), deck, overrides).plan;
  };
  std::string counts = "question,subject,relation,count\n";
  for (int i = 0; i < kTrain; ++i)
    counts += "Where is trainP1n" + std::to_string(i) + " located ?,,," + std::to_string(i) + "\n";
  counts += ",testP2n0,P2,77\n,nobody,P2,78\n";
  write_file(folder / "counts.csv", counts);
  const std::string key = "--data.exposures=" + (folder / "counts.csv").string();
  const Plan plan = expand({key}), plain = expand({});
  const auto found = std::find_if(plan.datasets.begin(), plan.datasets.end(), [](const auto& one) {
    return one.path == "/labels/base/exposures";
  });
  REQUIRE(found != plan.datasets.end());
  const auto exposures = found->content.as<std::int32_t>();
  REQUIRE(exposures.size() == 2 * (kTrain + kTest));
  for (int i = 0; i < kTrain; ++i) CHECK(exposures[static_cast<std::size_t>(i)] == i);
  CHECK(std::count(exposures.begin(), exposures.end(), 77) == 1);
  CHECK(std::count(exposures.begin(), exposures.end(), -1) == kTrain + 2 * kTest - 1);
  const std::string told = "counts the exposures of 26 of 64 labelled questions; 38 are without, and "
                           "1 of its 27 facts are not asked";
  CHECK(std::any_of(plan.notes.begin(), plan.notes.end(),
                    [&](const std::string& note) { return note.ends_with("counts.csv: " + told); }));
  std::set<std::string> keys, plain_keys;
  for (const Stage& stage : plan.stages) keys.insert(stage.key);
  for (const Stage& stage : plain.stages) plain_keys.insert(stage.key);
  CHECK(keys == plain_keys);
  // another count is another input: a rerun of the file is refused
  const auto fingerprint = [](const Plan& one) {
    for (const Input& input : one.inputs) {
      if (input.name == "data.exposures") return input.fingerprint;
    }
    return std::string();
  };
  CHECK(fingerprint(plain).empty());
  const std::string before = fingerprint(plan);
  write_file(folder / "counts.csv", counts + ",testP2n1,P2,5\n");
  CHECK(fingerprint(expand({key})) != before);
  write_file(folder / "counts.csv", "subject,relation,count\nnobody,P1,3\n");
  CHECK_THAT(input_error([&] { expand({key}); }),
             Catch::Matchers::ContainsSubstring("data.exposures") &&
                 Catch::Matchers::ContainsSubstring("counts 1 facts, and no labelled question asks"));
}
