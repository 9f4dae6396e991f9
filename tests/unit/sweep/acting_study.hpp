// An executor whose stages do what their kind says, and a plan of such stages.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "factsweep/stage/study.hpp"
#include "factsweep/sweep/sweep.hpp"
#include "shared_folder.hpp"

namespace factsweep {

inline RunDescription description() {
  RunDescription run;
  run.deck_text = "[run]\n";
  return run;
}

class ActingExecutor : public Executor {
 public:
  static Array weights(double value) {
    return Array::of(std::vector<float>(6, static_cast<float>(value)));
  }

  bool stops = true;       // does the kind "stops"?
  bool is_broken = false;  // this rank's device is lost
  bool has_kept = false;   // the weights of a stage that "pauses" once

  std::vector<std::string> check() override { return {}; }
  void prepare(const std::string&) override {}

  /// The value of a stage is 1 more than what it depends on.
  void run(const Plan& plan, std::size_t index, Workbench& bench) override {
    const Stage& stage = plan.stages[index];
    if (is_broken) throw std::runtime_error("CUDA error: an illegal memory access\nlong stack");
    if (stage.kind == "breaks") throw std::runtime_error("it broke\nin frame 1 of a long stack");
    if (stage.kind == "refuses") throw InputError("the data are bad");
    if (stage.kind == "machine") throw EnvironmentError("the disk is full");
    if (stage.kind == "stops" && stops) throw StopRequested();
    if (stage.kind == "continued") bench.clock().go_on_from(100);
    bench.step(0.25, 1);
    if (stage.kind == "slow") {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));  // longer than between reports
      bench.step(0.75, 2);
    }
    double value = 1;
    for (const std::size_t upstream : stage.upstream)
      value += bench.input(upstream, "value").as<double>().front();
    // weights are kept half way, as at a checkpoint, from which the stage goes on
    if (stage.find_output("weights") && !has_kept) bench.emit("weights", weights(value));
    has_kept = stage.find_output("weights") != nullptr && stage.kind == "pauses" && !has_kept;
    if (has_kept) throw StopRequested();
    for (const std::size_t upstream : stage.upstream) {
      if (plan.stages[upstream].find_output("weights"))
        value += bench.input(upstream, "weights").as<float>().back();
    }
    bench.emit("value", Array::of(std::vector{value}));
  }
};

inline void act(Plan& plan, const std::string& kind, std::vector<std::size_t> upstream = {}) {
  const std::string path = fmt::format("/values/{}", plan.stages.size());
  plan.datasets.push_back({.path = path, .shape = {1}});
  Stage stage;
  stage.kind = kind;
  stage.title = fmt::format("{} {}", kind, plan.stages.size());
  stage.configuration = {{"number", plan.stages.size()}};
  stage.upstream = std::move(upstream);
  stage.cost_flop = 1;
  stage.outputs = {{"value", {{File::results, path, {0}, {1}}}, /*shared=*/true}};
  plan.add_stage(std::move(stage));
}

/// The last stage leaves weights, too.
inline void keep_weights(Plan& plan) {
  const std::string path = fmt::format("/weights/{}", plan.stages.size() - 1);
  plan.datasets.push_back(
      {.file = File::weights, .path = path, .dtype = DType::float32, .shape = {2, 3}});
  plan.stages.back().outputs.push_back(
      {"weights", {{File::weights, path, {0, 0}, {2, 3}}}, /*shared=*/false});
}

inline Plan empty_plan() {
  Plan plan;
  plan.study = "acting";
  return plan;
}

}  // namespace factsweep
