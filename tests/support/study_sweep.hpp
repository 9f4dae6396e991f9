// A sweep of a study in memory: its deck is expanded, and its stages are ready to run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/model/checkpoint_file.hpp"
#include "factsweep/model/torch.hpp"
#include "memory_workbench.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

class StudySweep {
 public:
  /// `write_inputs` writes the deck's input files to the folder, and returns the deck.
  StudySweep(const Study& study,
             const std::function<std::string(const TemporaryFolder&)>& write_inputs,
             const std::vector<std::string>& overrides) {
    Expansion expansion = expand_deck(study, write_inputs(folder_), overrides);
    plan = std::move(expansion.plan);
    executor = std::move(expansion.executor);
    const std::vector<std::string> missing = executor->check();
    CHECK(missing.empty());
    executor->prepare("cpu");
  }

  /// A whole run.
  MemoryWorkbench run() const {
    MemoryWorkbench bench(plan);
    bench.run_all(*executor);
    return bench;
  }
  /// The first stage of a kind.
  std::size_t first(const std::string& kind) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].kind == kind) return i;
    }
    throw BugError("the plan has no stage " + kind);
  }
  /// The leaf of the first point of a method.
  std::size_t leaf(const std::string& method) const {
    for (const Point& point : plan.points) {
      for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
        if (plan.axes[axis].name == "method" && point.values[axis] == AxisValue(method))
          return point.leaf;
      }
    }
    throw BugError("the plan has no point of " + method);
  }

  /// A bench with what the stage reads: what `whole` has of it.
  MemoryWorkbench prepared(const MemoryWorkbench& whole, std::size_t stage) const {
    MemoryWorkbench bench(plan);
    for (const std::size_t upstream : plan.stages[stage].upstream) {
      for (const Output& output : plan.stages[upstream].outputs) {
        if (whole.has(upstream, output.name))
          bench.plant(upstream, output.name, whole.output(upstream, output.name));
      }
    }
    return bench;
  }
  /// Steps of the stage when nothing stops it.
  std::int64_t steps(const MemoryWorkbench& whole, std::size_t stage) const {
    MemoryWorkbench bench = prepared(whole, stage);
    bench.run(*executor, stage);
    return bench.steps;
  }
  /// The stage is stopped at the step `stop`, and run again: all of its outputs but its seconds are
  /// those of `whole`, and no checkpoint is left. Returns the steps of the second run.
  std::int64_t check_continued(const MemoryWorkbench& whole, std::size_t stage,
                               std::int64_t stop) const {
    INFO(plan.stages[stage].title << ", stopped at step " << stop);
    const TemporaryFolder folder;
    MemoryWorkbench bench = prepared(whole, stage);
    bench.checkpoints = folder.path().string();
    bench.stop_at = stop;
    CHECK_THROWS_AS(bench.run(*executor, stage), StopRequested);
    const std::int64_t before = bench.steps;
    bench.stop_at = std::numeric_limits<std::int64_t>::max();
    bench.run(*executor, stage);
    CHECK(std::filesystem::is_empty(folder.path()));
    check_equal(bench, whole, stage);
    return bench.steps - before;
  }
  /// The stage is stopped at the step `stop`, in the middle of what it keeps a checkpoint of, and
  /// run again: its clock shows what both runs took.
  void check_seconds(const MemoryWorkbench& whole, std::size_t stage, std::int64_t stop) const {
    INFO(plan.stages[stage].title << ", stopped at step " << stop);
    const TemporaryFolder folder;
    MemoryWorkbench bench = prepared(whole, stage);
    bench.checkpoints = folder.path().string();
    bench.stop_at = stop;
    bench.stop_after = kStop;
    const Stopwatch both;
    CHECK_THROWS_AS(bench.run(*executor, stage), StopRequested);
    REQUIRE_FALSE(std::filesystem::is_empty(folder.path()));
    bench.stop_at = std::numeric_limits<std::int64_t>::max();
    const Stopwatch second;
    bench.run(*executor, stage);
    const double took = bench.clock().seconds();
    CHECK(took <= both.seconds());
    CHECK(took >= bench.stopped_s + second.seconds() - kTolerance);
  }
  /// The stage is stopped at the step `stop`, and what it has kept is turned into what another
  /// version of the program may have kept, without the tensors whose names have `lacking` in them:
  /// it is put aside, said, and the stage begins anew.
  void check_refused(const MemoryWorkbench& whole, std::size_t stage, std::int64_t stop,
                     const std::string& lacking) const {
    INFO(plan.stages[stage].title << ", without " << lacking);
    const TemporaryFolder folder;
    MemoryWorkbench bench = prepared(whole, stage);
    bench.checkpoints = folder.path().string();
    bench.stop_at = stop;
    bench.stop_after = kStop;
    CHECK_THROWS_AS(bench.run(*executor, stage), StopRequested);
    const std::string file = bench.checkpoints + "/" + plan.stages[stage].key + ".safetensors";
    std::map<std::string, std::string> about;
    NamedTensors kept;
    {
      const auto reader = open_checkpoint_file(file);
      REQUIRE(reader);
      about = reader->metadata();
      for (const std::string& name : reader->names()) {
        if (name != "checksum" && name.find(lacking) == std::string::npos)
          kept.emplace_back(name, reader->view(name).clone());
      }
    }
    write_checkpoint_file(file, kept, about);
    bench.stop_at = std::numeric_limits<std::int64_t>::max();
    const std::int64_t before = bench.steps;
    const Stopwatch second;
    bench.run(*executor, stage);
    REQUIRE(bench.said.size() == 1);
    CHECK_THAT(bench.said.front(),
               Catch::Matchers::ContainsSubstring("it begins anew: ") &&
                   Catch::Matchers::ContainsSubstring(file + ".refused"));
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(std::filesystem::exists(file + ".refused"));
    check_equal(bench, whole, stage);
    CHECK(bench.steps - before == steps(whole, stage));
    const double took = bench.clock().seconds();
    CHECK(took <= second.seconds());
  }

  Plan plan;
  std::unique_ptr<Executor> executor;

 private:
  static constexpr std::chrono::milliseconds kStop{30};
  static constexpr double kTolerance = 0.005;  // s, between a call and the clock inside of it

  void check_equal(const MemoryWorkbench& bench, const MemoryWorkbench& whole,
                   std::size_t stage) const {
    for (const Output& output : plan.stages[stage].outputs) {
      if (output.places.empty() || output.name.text().ends_with("seconds")) continue;
      INFO(output.name.text());
      const bool same =
          bench.output(stage, output.name).bytes == whole.output(stage, output.name).bytes;
      CHECK(same);
    }
  }

 protected:
  TemporaryFolder folder_;
};

template <typename T>
std::vector<T> values(const MemoryWorkbench& bench, std::size_t stage, const std::string& output) {
  const auto span = bench.output(stage, output).as<T>();
  return {span.begin(), span.end()};
}

}  // namespace factsweep::test
