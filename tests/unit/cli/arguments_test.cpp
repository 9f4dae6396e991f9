// From the words of a command line to a study and its deck.
#include "../../../src/cli/deck_arguments.hpp"
#include "../../../src/cli/registry.hpp"

#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"

using namespace factsweep;
using namespace factsweep::cli;
using Catch::Matchers::ContainsSubstring;

namespace {

Task task(const std::string& text, std::vector<std::string> words) {
  words.insert(words.begin(), "a.ini");
  return read_task(DeckArguments::parse(words, /*for_plan=*/false), text);
}

constexpr const char* kFLearning =
    "[run]\nstudy = flearning\n[model]\npath = m\n[data]\nedits = e.json\n";

}  // namespace

TEST_CASE("every study that is registered has a name of its own", "[cli]") {
  std::set<std::string> names;
  for (const Study& study : studies()) names.insert(study.name);
  CHECK(names == std::set<std::string>{"flearning", "kshot", "slick"});
  CHECK(studies().size() == names.size());
}

TEST_CASE("run.study is read as every key is, wherever and however it is written", "[cli]") {
  CHECK(task(kFLearning, {}).study.name == "flearning");
  CHECK(task("run.study=flearning # or kshot\n[model]\npath = m\n[data]\nedits = e.json\n", {})
            .study.name == "flearning");
  const std::string no_study = "[model]\npath = m\n[data]\nedits = e.json\n";
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--run.study=flearning"},
        {"--run.study", "flearning"},
        {"--learn.epochs", "7", "--run.study", "flearning"}}) {
    const Task read = task(no_study, words);
    CHECK(read.study.name == "flearning");
    CHECK(read.deck.text("run.study") == "flearning");
  }
  // the command line wins, and the deck's keys are those of its study
  const Task other = task("[run]\nstudy = slick\n" + no_study, {"--run.study", "flearning"});
  CHECK(other.study.name == "flearning");
  CHECK(other.deck.integer("learn.epochs") == 3);
  CHECK_THROWS_WITH(task(kFLearning, {"--run.study=slick"}), ContainsSubstring("data.edits"));
}

TEST_CASE("a study that there is not, and none at all", "[cli]") {
  CHECK_THROWS_WITH(task("[run]\nstudy = slik\n", {}),
                    ContainsSubstring("slick, flearning, kshot"));
  CHECK_THROWS_WITH(task("[model]\npath = m\n", {}), ContainsSubstring("run.study"));
}

TEST_CASE("words of the command line", "[cli]") {
  const auto parse = [](const std::vector<std::string>& words, bool for_plan) {
    return DeckArguments::parse(words, for_plan);
  };
  const DeckArguments plan = parse({"a.ini", "--ranks", "8", "--train.epochs=2"}, true);
  CHECK(plan.ranks == 8);
  CHECK(plan.overrides == std::vector<std::string>{"--train.epochs=2"});
  CHECK(parse({"--print-deck", "a.ini"}, false).print_deck);
  CHECK_THROWS_WITH(parse({"a.ini", "--ranks=0"}, true), ContainsSubstring("--ranks"));
  CHECK_THROWS_WITH(parse({"a.ini", "b.ini"}, false), ContainsSubstring("b.ini"));
  CHECK_THROWS_WITH(parse({}, false), ContainsSubstring("deck is missing"));
}
