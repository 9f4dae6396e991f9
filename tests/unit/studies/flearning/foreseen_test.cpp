// What trainings take is foreseen by the records' own tokens, and by what updates take.
#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/config.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

/// Work foreseen of the first stage of a kind, for four records with a prompt of so many letters.
double foreseen(const std::string& kind, std::size_t letters,
                const std::vector<std::string>& overrides) {
  const TemporaryFolder folder;
  nlohmann::json records = nlohmann::json::array();
  for (const char* name : {"a", "b", "c", "d"})
    records.push_back({{"prompt", name + std::string(letters - 1, 'x')},
                       {"ground_truth", "old"},
                       {"target_new", "new"}});
  write_file(folder / "edits.json", records.dump());
  const std::string deck = "[run]\nstudy = flearning\n[model]\npath = " +
                           write_tiny_model(folder / "model").string() + "\n[data]\nedits = " +
                           (folder / "edits.json").string() + "\n[train]\nbatch_size = 2\n" +
                           "[learn]\nepochs = 3\n[original]\ntrain = off\n[grid]\nmethod = ft, lora\n";
  for (const Stage& stage : expand_deck(flearning::make_study(), deck, overrides).plan.stages) {
    if (stage.kind == kind) return stage.cost_flop;
  }
  throw BugError("no stage " + kind);
}

}  // namespace

TEST_CASE("the tokens of one's own records are foreseen", "[flearning]") {
  // a token a letter, in this vocabulary: 16 more of each text that is asked or taught
  const ModelConfig model = ModelConfig::read(model_data("llama-tied"));
  const double asked = foreseen("original", 56, {}) - foreseen("original", 40, {});
  CHECK(asked == Approx(2 * 4 * 16 * model.flop_per_token()).epsilon(1e-6));  // old and new answer
  const double taught = foreseen("learn", 56, {}) - foreseen("learn", 40, {});
  CHECK(taught == Approx(asked + 3 * 3 * 4 * 16 * model.flop_per_token()).epsilon(1e-6));
}

TEST_CASE("updates of whole models are foreseen, by their steps", "[flearning]") {
  const double parameters =
      static_cast<double>(ModelConfig::read(model_data("llama-tied")).parameters());
  const double more = foreseen("learn", 40, {"--train.batch_size=1"}) - foreseen("learn", 40, {});
  CHECK(more == Approx(300 * 3 * 2 * parameters));  // two more steps in each of three epochs
  const std::string dtype = "--model.dtype=bfloat16";
  CHECK(foreseen("learn", 40, {dtype, "--train.batch_size=1"}) - foreseen("learn", 40, {dtype}) ==
        Approx(1000 * 3 * 2 * parameters));
  const std::vector<std::string> lora = {"--grid.method=lora"};
  CHECK(foreseen("learn", 40, {"--grid.method=lora", "--train.batch_size=1"}) ==
        foreseen("learn", 40, lora));
}
