// F-Learning's kinds of stage in memory, on a tiny model: what has to hold whatever it learns.
#include <cmath>
#include <map>
#include <set>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "memory_workbench.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

class Sweep {
 public:
  explicit Sweep(const std::vector<std::string>& overrides) {
    nlohmann::json records = nlohmann::json::array();
    for (int i = 0; i < 4; ++i) {
      const std::string number = std::to_string(i);
      records.push_back({{"case_id", i},
                         {"subject", "person" + number},
                         {"prompt", "The town of person" + number + " is"},
                         {"rephrase_prompt", "person" + number + " lives in"},
                         {"ground_truth", "old" + number},
                         {"target_new", "new" + number},
                         {"locality_prompt", "The sea is"},
                         {"locality_ground_truth", "blue"}});
    }
    write_file(folder_ / "edits.json", records.dump());
    std::string text;
    for (int i = 0; i < 200; ++i) text += "the sea is blue and the town is old\n";
    write_file(folder_ / "text.txt", text);
    const std::string deck =
        "[run]\nstudy = flearning\n[model]\npath = " +
        write_tiny_model(folder_ / "model").string() +
        "\n[data]\nedits = " + (folder_ / "edits.json").string() +
        "\n[edit]\npresets = easyedit-llama\nlayers = 0, 1\nft_c_layer = 1\ntext_tokens = 300\n"
        "text = " +
        (folder_ / "text.txt").string() +
        "\n[train]\nbatch_size = 2\n[original]\nepochs = 3\nlearning_rate = 1e-2\n"
        "[forget]\nepochs = 2\nlearning_rate = 1e-3\nlora_learning_rate = 1e-2\n"
        "[learn]\nepochs = 3\nlearning_rate = 1e-2\nlora_learning_rate = 1e-2\n";
    Expansion expansion = expand_deck(*flearning::make_study(), deck, overrides);
    plan = std::move(expansion.plan);
    executor = std::move(expansion.executor);
    executor->prepare("cpu");
  }

  std::size_t first(const std::string& kind) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].kind == kind) return i;
    }
    throw BugError("the plan has no stage " + kind);
  }
  std::size_t leaf(const std::string& method) const {
    for (const Point& point : plan.points) {
      if (std::get<std::string>(point.values[0]) == method) return point.leaf;
    }
    throw BugError("the plan has no point of " + method);
  }

  Plan plan;
  std::unique_ptr<Executor> executor;

 private:
  TemporaryFolder folder_;
};

std::vector<std::string> texts(const Plan& plan, const std::string& path) {
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.path == path) return spec.content.as_text();
  }
  throw BugError("the plan has no dataset " + path);
}

double value(const MemoryWorkbench& bench, std::size_t stage, const std::string& output) {
  return bench.output(stage, output).as<double>()[0];
}

/// Every output of the stage but its seconds, byte for byte.
void check_equal(const Stage& kind, std::size_t stage, const MemoryWorkbench& one,
                 const MemoryWorkbench& other) {
  for (const Output& output : kind.outputs) {
    if (!other.has(stage, output.name) || output.name.ends_with("seconds")) continue;
    INFO(output.name);
    const bool same =
        one.output(stage, output.name).bytes == other.output(stage, output.name).bytes;
    CHECK(same);
  }
}

}  // namespace

TEST_CASE("every kind of stage fills what it is planned to fill", "[flearning]") {
  const Sweep sweep(
      {"--grid.method=original, ft, lora, forget_ft, forget_lora, f_learning_ft, f_learning_lora, "
       "f_learning_lora_ft, ft_c, rome, rome_reset, memit",
       "--grid.lambda=0.1", "--search.locality=0.5", "--search.evaluations=2",
       "--flearning.cases=3", "--store.deltas=final"});
  MemoryWorkbench bench(sweep.plan);
  bench.run_all(*sweep.executor);
  CHECK(bench.missing() == "");
  for (const Point& point : sweep.plan.points) {
    INFO(point.id);
    for (const char* name : {"reliability", "generality", "locality", "reliability_old"}) {
      const double share = value(bench, point.leaf, std::string("/points/") + name);
      CHECK(share >= 0);
      CHECK(share <= 1);
    }
  }
  // what a model answers in words is what is judged
  const std::vector<std::string> wanted = texts(sweep.plan, "/records/edits/target_new");
  std::size_t bytes = 0;
  for (const Point& point : sweep.plan.points) {
    INFO(point.id);
    const std::vector<std::string> answers = bench.output(point.leaf, "/cases/answer").as_text();
    const auto exact = bench.output(point.leaf, "/outcomes/reliability_exact").as<float>();
    REQUIRE(answers.size() == 3);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      CHECK((answers[i] == wanted[i]) == (exact[i] == 1));
      bytes += answers[i].size();
    }
  }
  CHECK(bytes > 0);
  const std::size_t original = sweep.first("original");
  CHECK(value(bench, original, "/points/locality") == 1);  // it is compared with itself
  const auto loss = bench.output(original, "/tuning/{key}/loss").as<double>();
  CHECK(loss[2] < loss[0]);
  const double lambda = value(bench, sweep.first("search"), "/search/{key}/lambda");
  CHECK(lambda >= 0);
  CHECK(lambda <= 2);
  // editors say how far they moved their matrices, and that they moved no other
  const auto side_of = [&](const std::string& name) {
    for (const DatasetSpec& spec : sweep.plan.datasets) {
      if (spec.path == "/norms/" + name) return static_cast<std::size_t>(spec.shape.at(0));
    }
    throw BugError("no axis " + name);
  };
  const std::vector<std::string> modules = texts(sweep.plan, "/norms/module");
  const std::map<std::string, std::set<std::size_t>> edited = {
      {"ft_c", {1}}, {"rome", {0}}, {"rome_reset", {0}}, {"memit", {0, 1}}};
  for (const auto& [method, layers] : edited) {
    INFO(method);
    const auto norms = bench.output(sweep.leaf(method), "/norms/learn").as<float>();
    REQUIRE(norms.size() == side_of("layer") * modules.size());
    for (std::size_t layer = 0; layer < side_of("layer"); ++layer) {
      for (std::size_t module = 0; module < modules.size(); ++module) {
        const bool moved = modules[module] == "mlp.down_proj" && layers.count(layer) == 1;
        CHECK((norms[layer * modules.size() + module] > 0) == moved);
      }
    }
  }
  // a second moment is symmetric, and no square is negative
  const auto moment = bench.output(sweep.first("second_moment"), "layer1").as<float>();
  const auto side = static_cast<std::size_t>(std::lround(std::sqrt(moment.size())));
  for (std::size_t i = 0; i < side; ++i) {
    CHECK(moment[i * side + i] >= 0);
    CHECK(moment[i * side] == Approx(moment[i]).margin(1e-6));
  }
}

TEST_CASE("forgetting at the rate 0 changes nothing", "[flearning]") {
  const Sweep sweep({"--grid.method=original, ft, forget_ft, f_learning_ft", "--grid.lambda=0"});
  MemoryWorkbench bench(sweep.plan);
  bench.run_all(*sweep.executor);
  const auto equal = [&](const std::string& one, const std::string& other) {
    for (const char* name : {"reliability", "generality", "locality", "reliability_old"}) {
      const std::string output = std::string("/points/") + name;
      CHECK(value(bench, sweep.leaf(one), output) == value(bench, sweep.leaf(other), output));
    }
  };
  equal("forget_ft", "original");
  equal("f_learning_ft", "ft");
}

TEST_CASE("checkpoints are kept as run.checkpoint_interval says", "[flearning]") {
  const auto left = [](const std::string& interval, std::int64_t stop) {
    const Sweep sweep({"--grid.method=original", "--run.checkpoint_interval=" + interval});
    const TemporaryFolder folder;
    MemoryWorkbench bench(sweep.plan);
    bench.checkpoints = folder.path().string();
    bench.stop_at = stop;
    CHECK_THROWS_AS(bench.run(*sweep.executor, sweep.first("original")), StopRequested);
    return !std::filesystem::is_empty(folder.path());
  };
  constexpr std::int64_t kSteps = 6;  // of the training: 3 epochs of 2; then it is evaluated
  CHECK(left("00:10:00", 2));
  CHECK(left("00:10:00", kSteps));
  CHECK(left("0", 2));  // told to stop
  CHECK_FALSE(left("0", kSteps));
}

TEST_CASE("a training that is stopped and continued is uninterrupted", "[flearning]") {
  const Sweep sweep({"--grid.method=ft"});
  const std::size_t original = sweep.first("original"), learn = sweep.first("learn");
  MemoryWorkbench whole(sweep.plan);
  whole.run_all(*sweep.executor);
  for (const std::size_t stage : {original, learn}) {
    for (const std::int64_t stop : {0, 3, 5}) {
      const TemporaryFolder folder;
      MemoryWorkbench bench(sweep.plan);
      for (const Output& output : sweep.plan.stages[original].outputs) {
        if (stage == learn && whole.has(original, output.name))
          bench.plant(original, output.name, whole.output(original, output.name));
      }
      bench.checkpoints = folder.path().string();
      bench.stop_at = stop;
      CHECK_THROWS_AS(bench.run(*sweep.executor, stage), StopRequested);
      const std::int64_t before = bench.steps;
      bench.run(*sweep.executor, stage);
      const std::int64_t again = bench.steps - before;
      MemoryWorkbench alone = bench;
      alone.steps = 0;
      alone.stop_at = std::numeric_limits<std::int64_t>::max();
      alone.checkpoints.clear();
      alone.run(*sweep.executor, stage);
      CHECK(again == alone.steps - stop - 1);  // no step is done twice
      check_equal(sweep.plan.stages[stage], stage, bench, whole);
    }
  }
}

TEST_CASE("edits that are stopped and continued are uninterrupted", "[flearning]") {
  const Sweep sweep({"--grid.method=ft_c, rome, rome_reset, memit", "--store.deltas=final"});
  MemoryWorkbench whole(sweep.plan);
  whole.run_all(*sweep.executor);
  for (const char* method : {"ft_c", "rome", "rome_reset", "memit"}) {
    INFO(method);
    const std::size_t stage = sweep.leaf(method);
    const auto prepared = [&] {
      MemoryWorkbench bench(sweep.plan);
      for (const std::size_t needed : sweep.plan.stages[stage].upstream) {
        for (const Output& output : sweep.plan.stages[needed].outputs) {
          if (whole.has(needed, output.name))
            bench.plant(needed, output.name, whole.output(needed, output.name));
        }
      }
      return bench;
    };
    MemoryWorkbench alone = prepared();
    alone.run(*sweep.executor, stage);
    for (const double part : {0.0, 0.3, 0.5, 0.7, 0.9}) {
      const TemporaryFolder folder;
      MemoryWorkbench bench = prepared();
      bench.checkpoints = folder.path().string();
      bench.stop_at = static_cast<std::int64_t>(part * static_cast<double>(alone.steps));
      INFO("stopped at step " << bench.stop_at << " of " << alone.steps);
      CHECK_THROWS_AS(bench.run(*sweep.executor, stage), StopRequested);
      const std::int64_t before = bench.steps;
      bench.run(*sweep.executor, stage);
      // what was done is not done again
      if (part >= 0.7) CHECK(bench.steps - before < alone.steps);
      CHECK(std::filesystem::is_empty(folder.path()));
      check_equal(sweep.plan.stages[stage], stage, bench, whole);
    }
  }
}
