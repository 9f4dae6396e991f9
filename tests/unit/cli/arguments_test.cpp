// From the words of a command line to a study and its deck.
#include "../../../src/cli/deck_arguments.hpp"
#include "../../../src/cli/flags.hpp"
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

TEST_CASE("a flag that the command has not is refused by name, with what may be meant", "[cli]") {
  const auto refusal = [](const std::vector<std::string>& words, bool for_plan) -> std::string {
    try {
      DeckArguments::parse(words, for_plan);
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal({"a.ini", "--rank=4"}, true) ==
        "command line: factsweep plan has no flag --rank. Did you mean --ranks? factsweep plan --help "
        "lists its flags.");
  CHECK_THAT(refusal({"a.ini", "--ranks", "4"}, false),
             ContainsSubstring("factsweep run has no flag --ranks, which is one of factsweep plan") &&
                 ContainsSubstring("mpirun -n R factsweep run DECK"));
  CHECK_THAT(refusal({"a.ini", "--device=h100"}, false), ContainsSubstring("--run.device=cpu"));
  CHECK_THAT(refusal({"a.ini", "--print-dek"}, false), ContainsSubstring("--print-deck?"));
  // the deck knows what is near to a key
  CHECK(refusal({"a.ini", "--epochs=3"}, false).empty());
  CHECK_THROWS_WITH(task(kFLearning, {"--epochs=3"}), ContainsSubstring("unknown key 'epochs'"));
}

TEST_CASE("flags of other commands, and the word that needs none", "[cli]") {
  namespace po = boost::program_options;
  const auto parsed = [](const std::vector<std::string>& words) -> std::string {
    std::string file, output;
    po::options_description options;
    options.add_options()("file", po::value(&file)->required(), "")("output", po::value(&output), "");
    po::variables_map values;
    try {
      parse_flags("factsweep look FILE", options, words, values);
    } catch (const InputError& error) {
      return error.what();
    }
    return file + " " + output;
  };
  CHECK(parsed({"a.h5", "--output=b"}) == "a.h5 b");
  CHECK(parsed({"--output", "b", "a.h5"}) == "a.h5 b");
  CHECK(parsed({"a.h5", "b.h5"}) == "command line: 'b.h5' is not understood. factsweep look FILE");
  CHECK(parsed({"a.h5", "--outptu=b"}) ==
        "command line: factsweep look has no flag --outptu. Did you mean --output? factsweep look "
        "--help lists its flags.");
  CHECK(parsed({"a.h5", "--frobnicate"}) ==
        "command line: factsweep look has no flag --frobnicate. factsweep look --help lists its flags.");
  CHECK_THAT(parsed({}), ContainsSubstring("--file") && ContainsSubstring("factsweep look FILE"));
}
