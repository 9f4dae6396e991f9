// What a fine-tuned model can do beside the questions: labelled tasks, and the perplexity of a text.
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "ability_files.hpp"
#include "catch.hpp"
#include "facts.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "factsweep/tasks/likelihood.hpp"
#include "slick_sweep.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

std::string write_asked(const TemporaryFolder& folder) {
  write_facts(folder.path());
  return "[run]\nstudy = slick\n[model]\npath = " + write_tiny_model(folder / "model").string() +
         "\n[data]\nrelations = P1\nfacts = " + folder.path().string() +
         "\n[label]\nquestions_per_relation = 12\ntest_questions_per_relation = 4\n"
         "exemplar_sets = 2\nshots = 1\nsamples = 5\n"
         "[slick]\ntrain_size = 4\nsize_rule = known_unknown\ndev_questions_per_relation = 12\n"
         "[train]\nepochs = 3\nbatch_size = 2\nlearning_rate = 1e-2\n"
         "[grid]\nunknown_ratio = 0.5\n" +
         write_abilities(folder);
}

/// One training, with labels that are known and unknown by turns.
class AskedSweep : public StudySweep {
 public:
  explicit AskedSweep(const std::vector<std::string>& overrides)
      : StudySweep(slick::make_study(), write_asked, overrides) {}

  MemoryWorkbench trained() const {
    MemoryWorkbench bench(plan);
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].kind != "label") continue;
      const Output& category = *plan.stages[i].find_output("/labels/base/category");
      std::vector<std::uint8_t> planted(category.places[0].count[0]);
      for (std::size_t row = 0; row < planted.size(); ++row) planted[row] = row % 2 == 0 ? 0 : 3;
      bench.plant(i, category.name, Array::of(planted));
    }
    for (const char* kind : {"labelled", "abilities", "train"}) bench.run(*executor, first(kind));
    return bench;
  }
  std::filesystem::path model() const { return folder_ / "model"; }
};

double value_at(const AskedSweep& sweep, const MemoryWorkbench& bench, const std::string& kind,
          const std::string& name) {
  return values<double>(bench, sweep.first(kind), "/points/" + name)[0];
}

}  // namespace

TEST_CASE("abilities are asked of the base, at early stop and at the end", "[slick]") {
  const AskedSweep still({"--train.learning_rate=0"});
  const MemoryWorkbench same = still.trained();
  for (const std::string name : kAbilities) {
    INFO(name);
    const double base = value_at(still, same, "abilities", name);
    CHECK(std::isfinite(base));
    CHECK(value_at(still, same, "train", name + "_early_stop") == base);
    CHECK(value_at(still, same, "train", name + "_final") == base);
  }
  // what the best epoch's model can do is what the last one's can where the training ends there
  const AskedSweep whole({});
  const MemoryWorkbench bench = whole.trained();
  const std::int64_t best =
      values<std::int64_t>(bench, whole.first("train"), "/points/epoch_early_stop")[0];
  REQUIRE(best < 3);
  const AskedSweep shorter({"--train.epochs=" + std::to_string(best)});
  const MemoryWorkbench until_best = shorter.trained();
  for (const std::string name : kAbilities)
    CHECK(value_at(whole, bench, "train", name + "_early_stop") ==
          value_at(shorter, until_best, "train", name + "_final"));
  const auto perplexity = [&](const std::string& kind, const std::string& when) {
    return value_at(whole, bench, kind, "ability_perplexity" + when);
  };
  CHECK(perplexity("train", "_early_stop") != perplexity("train", "_final"));
  CHECK(perplexity("train", "_final") != perplexity("abilities", ""));
}

TEST_CASE("a perplexity is that of windows, each alone", "[slick]") {
  for (const bool begins : {false, true}) {
    INFO(begins);
    const auto write = [&](const TemporaryFolder& folder) {
      const std::string deck = write_asked(folder);
      if (!begins) return deck;
      begin_texts(folder / "model");
      return deck;
    };
    TemporaryFolder copy;
    write(copy);
    const Model model = Model::load(copy / "model", torch::kFloat32, torch::Device("cpu"));
    std::vector<std::vector<TokenId>> windows;
    for (const std::string text : {"the s", "ea is", " b"}) {  // 12 tokens, a character each
      std::vector<TokenId> window = begins ? std::vector<TokenId>{1} : std::vector<TokenId>();
      for (const TokenId id : model.tokenizer->encode(text)) window.push_back(id);
      windows.push_back(window);
    }
    const ContinuationScore score =
        score_texts(model, windows, 1000, [](std::int64_t, std::int64_t) {});
    CHECK(score.tokens == (begins ? 12 : 9));
    const StudySweep sweep(slick::make_study(), write, {});
    MemoryWorkbench bench(sweep.plan);
    bench.run(*sweep.executor, sweep.first("abilities"));
    CHECK(values<double>(bench, sweep.first("abilities"), "/points/ability_perplexity")[0] ==
          Approx(std::exp(-score.mean())).epsilon(1e-6));
  }
}

TEST_CASE("a training that asks abilities and is continued is uninterrupted", "[slick]") {
  const AskedSweep sweep({});
  const MemoryWorkbench whole = sweep.trained();
  const std::size_t stage = sweep.first("train");
  const std::int64_t steps = sweep.steps(whole, stage);
  for (const double part : {0.3, 0.5, 0.8, 0.99})
    sweep.check_continued(whole, stage, static_cast<std::int64_t>(part * static_cast<double>(steps)));
}

TEST_CASE("only what is asked is in the keys", "[slick]") {
  const std::vector<std::string> none = {"--ability.tasks=", "--ability.text=",
                                         "--ability.text_tokens=10000", "--ability.text_window=1024"};
  const AskedSweep asked({}), silent(none), moved({});
  const auto key = [](const AskedSweep& sweep, const char* kind) {
    return sweep.plan.stages[sweep.first(kind)].key;
  };
  CHECK(key(asked, "train") == key(moved, "train"));
  CHECK(key(asked, "train") != key(silent, "train"));
  CHECK(key(asked, "label") == key(silent, "label"));
  for (const char* other : {"--ability.text_tokens=11", "--ability.text_window=6",
                            "--ability.examples=1", "--label.batch_tokens=100"}) {
    INFO(other);
    CHECK(key(AskedSweep({other}), "abilities") != key(asked, "abilities"));
  }
  for (const Stage& stage : silent.plan.stages) CHECK(stage.kind != "abilities");
  for (const DatasetSpec& spec : silent.plan.datasets)
    CHECK(spec.path.find("/abilit") == spec.path.npos);
}

TEST_CASE("abilities that cannot be asked are named", "[slick]") {
  TemporaryFolder folder;
  write_file(folder / "blank.txt", " \n");
  write_file(folder / "perplexity.jsonl", R"({"question": "Why?", "answer": "So"})" "\n");
  write_file(folder / "code.jsonl", R"({"text": "Add.", "code": "x = 1", "test_list": ["assert x"], )"
                                    R"("test_setup_code": "", "task_id": 11})" "\n");
  const auto error = [&](const std::string& key, const std::string& value) {
    return input_error([&] { AskedSweep({"--ability." + key + "=" + value}); });
  };
  using Catch::Matchers::ContainsSubstring;
  const auto file = [&](const char* name) { return (folder / name).string(); };
  CHECK_THAT(error("text", file("blank.txt")), ContainsSubstring("ability.text") &&
                                                   ContainsSubstring("blank.txt' holds no text"));
  CHECK_THAT(error("text", file("none.txt")), ContainsSubstring("none.txt"));
  CHECK(error("text", "").empty());  // of a deck that has one: none is to be asked
  CHECK_THAT(input_error([&] { SlickSweep({"--ability.text_tokens=5"}); }),
             ContainsSubstring("ability.text_tokens") &&
                 ContainsSubstring("no effect without ability.text"));
  CHECK_THAT(error("text_window", "1"), ContainsSubstring("ability.text_window = 1"));
  CHECK_THAT(error("tasks", file("perplexity.jsonl")),
             ContainsSubstring("a second value 'perplexity'"));
  CHECK_THAT(error("tasks", file("code.jsonl")), ContainsSubstring("needs code to be run"));
  CHECK_THAT(error("examples", "4"), ContainsSubstring("4 examples are asked for, it has 3"));
}
