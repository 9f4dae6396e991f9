// store.deltas: what is kept is no other work, and by default it is what is small.
#include <algorithm>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "facts.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "tiny_directory.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Deck deck_of(const std::string& deltas) {
  OptionTable table;
  table.choice("store.deltas", "auto", {"auto", "none", "final", "early_stop+final"}, "deltas");
  table.choice("store.delta_dtype", "float32", {"bfloat16", "float32"}, "dtype");
  return Deck::parse(table, "store.deltas = " + deltas, "a.ini", {});
}

Plan expanded(const std::filesystem::path& facts, const std::vector<std::string>& overrides) {
  const std::string text = "[run]\nstudy = slick\n[model]\npath = " +
                           model_data("llama-tied").string() + "\n[data]\nfacts = " +
                           facts.string() +
                           "\nood_relations = P3\n[label]\nexemplar_sets = 3\nshots = 2\n"
                           "[train]\nepochs = 4\n[grid]\nseed = 1\nunknown_ratio = 0.5\n";
  return expand_deck(slick::make_study(), text, overrides).plan;
}

std::vector<std::string> all_keys(const Plan& plan) {
  std::vector<std::string> keys;
  for (const Stage& stage : plan.stages) keys.push_back(stage.key);
  return keys;
}

std::string path_kept(const Plan& plan) {
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.file == File::weights && spec.path.find("/final/") != std::string::npos)
      return spec.path.substr(0, spec.path.find("/final/"));
  }
  return "";
}

}  // namespace

TEST_CASE("auto keeps whole models up to 1 GB in all, and adapters up to 10") {
  using Times = std::vector<std::string>;
  const Times last = {"final"}, none = {};
  const TrainedWeights small{1e9, 4, 4}, large{1.001e9, 4, 4}, adapters{10e9, 3, 3},
      many{10.001e9, 3, 3};
  const Keeping both(deck_of("auto"), small, adapters);
  CHECK(both.when(false) == last);
  CHECK(both.when(true) == last);
  const Keeping one(deck_of("auto"), large, adapters), neither(deck_of("auto"), large, many);
  CHECK(one.when(false) == none);
  CHECK(one.when(true) == last);
  CHECK(neither.when(true) == none);
  CHECK(Keeping(deck_of("none"), small, adapters).when(true) == none);
  CHECK(Keeping(deck_of("final"), large, many).when(true) == last);
  CHECK(Keeping(deck_of("early_stop+final"), large, many).when(false) ==
        Times{"early_stop", "final"});

  const auto told = [](const Keeping& keeping) {
    const Deck deck = deck_of("auto");
    PlanBuilder builder("slick", deck);
    keeping.tell(builder);
    return builder.finish();
  };
  const Plan plan = told(one);
  CHECK_THAT(plan.kept, ContainsSubstring("the adapters of 3 points (10.00 GB)"));
  CHECK_THAT(plan.not_kept, ContainsSubstring("the weights of 4 points (1.00 GB)") &&
                                ContainsSubstring("store.deltas = final"));
  CHECK(told(both).not_kept.empty());
  const Plan nothing = told(Keeping(deck_of("auto"), {}, {}));
  CHECK((nothing.kept.empty() && nothing.not_kept.empty()));
}

TEST_CASE("the weights of points that share a training are counted once") {
  const TemporaryFolder folder;
  write_facts(folder.path());
  // of a ratio of 0 D is known alone: both variants teach the same
  const auto lost = [&](const std::string& variants) {
    const Plan plan = expanded(folder.path(), {"--grid.variant=" + variants, "--store.deltas=none",
                                               "--grid.unknown_ratio=0"});
    CHECK(plan.points.front().leaf == plan.points.back().leaf);
    return plan.not_kept;
  };
  std::string alone = lost("unknown_ratio");
  const std::string of = "the weights of 1 point (";
  REQUIRE(alone.find(of) != std::string::npos);
  CHECK(lost("unknown_ratio, known_only") ==
        alone.replace(alone.find(of), of.size(), "the weights of 2 points (1 model, "));
}

TEST_CASE("tensors take as many bytes as their elements do in the file") {
  CHECK(bytes_of(deck_of("auto"), elements_of({{"a", {3, 4}}, {"b", {5}}})) == 4 * (12 + 5));
}

TEST_CASE("what is kept is no other work, and is there without being asked for") {
  const TemporaryFolder folder;
  write_facts(folder.path());
  const Plan plan = expanded(folder.path(), {});
  CHECK(path_kept(plan) == "/deltas/full");
  CHECK_THAT(plan.kept, ContainsSubstring("weights of 1 point ("));
  for (const std::string deltas :
       {"none", "final", "early_stop+final"}) {
    const Plan other = expanded(folder.path(), {"--store.deltas=" + deltas});
    CHECK(all_keys(other) == all_keys(plan));
    CHECK(path_kept(other).empty() == (deltas == "none"));
    CHECK(other.not_kept.empty() == (deltas != "none"));
  }
  CHECK(all_keys(expanded(folder.path(), {"--store.delta_dtype=float32"})) == all_keys(plan));
  CHECK(path_kept(expanded(folder.path(), {"--train.method=lora"})) == "/deltas/lora");
}

TEST_CASE("facts and models are known by what they hold, wherever they lie") {
  const TemporaryFolder folder, other;
  write_facts(folder.path());
  write_facts(other.path());
  const Plan plan = expanded(folder.path(), {}), moved = expanded(other.path(), {});
  CHECK(all_keys(plan) == all_keys(moved));
  const auto find = [](const Plan& of, const std::string& name) {
    const auto found = std::find_if(of.inputs.begin(), of.inputs.end(),
                                    [&](const Input& input) { return input.name == name; });
    REQUIRE(found != of.inputs.end());
    return *found;
  };
  CHECK(find(plan, "data.facts").place == folder.path().string());
  CHECK(find(moved, "data.facts").place == other.path().string());
  for (const char* name : {"model.path", "data.facts P1", "data.facts P3"}) {
    CHECK_FALSE(find(plan, name).fingerprint.empty());
    CHECK(find(plan, name).fingerprint == find(moved, name).fingerprint);
  }
  // an answer of one relation
  const std::filesystem::path file = other / "train/P1.train.json";
  std::string text = read_file(file);
  const std::size_t at = text.find("answer");
  REQUIRE(at != std::string::npos);
  const std::size_t quote = text.find('"', text.find('[', at)) + 1;
  text[quote] = text[quote] == 'Z' ? 'Y' : 'Z';
  write_file(file, text);
  const Plan changed = expanded(other.path(), {});
  CHECK(find(changed, "data.facts P1").fingerprint != find(plan, "data.facts P1").fingerprint);
  CHECK(find(changed, "data.facts P3").fingerprint == find(plan, "data.facts P3").fingerprint);
}
