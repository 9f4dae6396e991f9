// F-Learning's kinds of stage in memory, on a tiny model: what has to hold whatever it learns.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "catch.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "study_sweep.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

std::string write_inputs(const TemporaryFolder& folder) {
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
  write_file(folder / "edits.json", records.dump());
  std::string text;
  for (int i = 0; i < 200; ++i) text += "the sea is blue and the town is old\n";
  write_file(folder / "text.txt", text);
  return "[run]\nstudy = flearning\n[model]\npath = " +
         write_tiny_model(folder / "model").string() +
         "\n[data]\nedits = " + (folder / "edits.json").string() +
         "\n[edit]\npresets = easyedit-llama\nlayers = 0, 1\nft_c_layer = 1\ntext_tokens = 300\n"
         "text = " +
         (folder / "text.txt").string() +
         "\n[train]\nbatch_size = 2\n[original]\nepochs = 3\nlearning_rate = 1e-2\n"
         "[forget]\nepochs = 2\nlearning_rate = 1e-3\nlora_learning_rate = 1e-2\n"
         "[learn]\nepochs = 3\nlearning_rate = 1e-2\nlora_learning_rate = 1e-2\n";
}

class Sweep : public StudySweep {
 public:
  explicit Sweep(const std::vector<std::string>& overrides)
      : StudySweep(flearning::make_study(), write_inputs, overrides) {}
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

}  // namespace

TEST_CASE("every kind of stage fills what it is planned to fill", "[flearning]") {
  const Sweep sweep(
      {"--grid.method=original, ft, lora, forget_ft, forget_lora, f_learning_ft, f_learning_lora, "
       "f_learning_lora_ft, ft_c, rome, rome_reset, memit",
       "--grid.lambda=0.1", "--search.locality=0.5", "--search.evaluations=2",
       "--flearning.cases=3", "--learn.epochs=20", "--store.deltas=final"});
  const MemoryWorkbench bench = sweep.run();
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

TEST_CASE("many questions a record, and an original model that is the model as it is",
          "[flearning]") {
  const auto write = [](const TemporaryFolder& folder) {
    const std::string deck = write_inputs(folder);
    nlohmann::json records = read_json(folder / "edits.json");
    records[0]["rephrase_prompt"] = {"person0 lives in", "person0's town:"};
    records[0]["target_new"] = {"new0", "the new0"};
    records[1]["portability_prompt"] = {"person1's mayor is", "person1's river is"};
    records[1]["portability_answer"] = {"old2", "blue"};
    records[2]["locality_prompt"] = {"The sea is", "The sky is", "person3 lives in"};
    records[2]["locality_ground_truth"] = {"blue", "blue and blue", "old3"};
    records[3].erase("locality_prompt");
    write_file(folder / "edits.json", records.dump());
    return deck;
  };
  const std::vector<std::string> overrides = {
      "--grid.method=original, ft, forget_lora, f_learning_ft, ft_c, rome, rome_reset, memit",
      "--grid.lambda=0.1", "--original.train=off", "--flearning.cases=4"};
  const StudySweep sweep(flearning::make_study(), write, overrides);
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  const auto values = [&](const std::string& method, const std::string& name) {
    return bench.output(sweep.leaf(method), "/outcomes/" + name).as<float>();
  };
  std::vector<std::int64_t> rows;  // of the file
  for (const DatasetSpec& spec : sweep.plan.datasets) {
    if (spec.path != "/records/edits/row") continue;
    const auto found = spec.content.as<std::int64_t>();
    rows.assign(found.begin(), found.end());
  }
  REQUIRE(rows.size() == 4);
  for (const char* method : {"original", "ft", "forget_lora", "ft_c", "rome", "rome_reset", "memit"}) {
    INFO(method);
    const auto portability = values(method, "portability"), locality = values(method, "locality");
    REQUIRE(portability.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(std::isnan(portability[i]) == (rows[i] != 1));
      CHECK(std::isnan(locality[i]) == (rows[i] == 3));
    }
    CHECK(bench.output(sweep.leaf(method), "/cases/answer").as_text().size() == 4);
  }
  for (const float share : values("original", "locality")) CHECK((std::isnan(share) || share == 1));
  CHECK(value(bench, sweep.leaf("original"), "/points/portability") ==
        static_cast<double>(values("original", "portability")[static_cast<std::size_t>(
            std::find(rows.begin(), rows.end(), 1) - rows.begin())]));
}

TEST_CASE("a loss that rose is told of every point that comes of it", "[flearning]") {
  const std::set<std::string> all = {"original", "ft", "forget_ft", "f_learning_ft", "ft_c"};
  const std::map<std::string, std::set<std::string>> rising = {
      {"learn", {"ft", "f_learning_ft"}}, {"forget", {"forget_ft", "f_learning_ft"}}, {"original", all}};
  for (const auto& [training, wanted] : rising) {
    INFO(training);
    const Sweep sweep({"--grid.method=original, ft, forget_ft, f_learning_ft, ft_c", "--grid.lambda=0",
                       "--" + training + ".learning_rate=1"});
    const MemoryWorkbench bench = sweep.run();
    std::set<std::string> rose;
    for (const std::string& method : all) {
      if (values<std::uint8_t>(bench, sweep.leaf(method), "/points/loss_rose")[0] == 1)
        rose.insert(method);
    }
    CHECK(rose == wanted);
  }
}

TEST_CASE("forgetting at the rate 0 changes nothing", "[flearning]") {
  const Sweep sweep({"--grid.method=original, ft, forget_ft, f_learning_ft", "--grid.lambda=0"});
  const MemoryWorkbench bench = sweep.run();
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
  const MemoryWorkbench whole = sweep.run();
  for (const char* kind : {"original", "learn"}) {
    const std::size_t stage = sweep.first(kind);
    const std::int64_t steps = sweep.steps(whole, stage);
    for (const std::int64_t stop : {0, 3, 5})  // no step is done twice
      CHECK(sweep.check_continued(whole, stage, stop) == steps - stop - 1);
  }
}

TEST_CASE("what a stage took is what all of its runs took", "[flearning]") {
  const Sweep sweep({"--grid.method=ft, ft_c, rome, rome_reset, memit"});
  const MemoryWorkbench whole = sweep.run();
  for (const char* method : {"ft", "ft_c", "rome", "rome_reset", "memit"}) {
    const std::size_t stage = sweep.leaf(method);
    const bool is_training = sweep.plan.stages[stage].kind == "learn";
    sweep.check_seconds(whole, stage, is_training ? 3 : sweep.steps(whole, stage) * 7 / 10);
  }
}

TEST_CASE("edits whose checkpoint is of another version begin anew", "[flearning]") {
  const Sweep sweep({"--grid.method=ft_c, rome, rome_reset, memit"});
  const MemoryWorkbench whole = sweep.run();
  const std::map<std::string, std::string> lacking = {
      {"ft_c", "variance"}, {"rome", "matrix"}, {"rome_reset", "norms"}, {"memit", "reports"}};
  for (const auto& [method, tensor] : lacking) {
    const std::size_t stage = sweep.leaf(method);
    sweep.check_refused(whole, stage, sweep.steps(whole, stage) * 7 / 10, tensor);
    sweep.check_refused(whole, stage, sweep.steps(whole, stage) * 7 / 10, "stage.numbers");
  }
}

TEST_CASE("edits that are stopped and continued are uninterrupted", "[flearning]") {
  const Sweep sweep({"--grid.method=ft_c, rome, rome_reset, memit", "--store.deltas=final"});
  const MemoryWorkbench whole = sweep.run();
  for (const char* method : {"ft_c", "rome", "rome_reset", "memit"}) {
    const std::size_t stage = sweep.leaf(method);
    const std::int64_t steps = sweep.steps(whole, stage);
    for (const double part : {0.0, 0.3, 0.5, 0.7, 0.9}) {
      const auto stop = static_cast<std::int64_t>(part * static_cast<double>(steps));
      const std::int64_t again = sweep.check_continued(whole, stage, stop);
      if (part >= 0.7) CHECK(again < steps);  // what was done is not done again
    }
  }
}
