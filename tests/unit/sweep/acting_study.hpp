// An executor whose stages do what their kind says, and a plan of such stages.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "factsweep/stage/study.hpp"
#include "factsweep/sweep/sweep.hpp"
#include "shared_folder.hpp"

namespace factsweep {

class ActingExecutor : public Executor {
 public:
  bool stops = true;       // does the kind "stops"?
  bool is_broken = false;  // this rank's device is lost

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
    bench.step(0.25, 1);
    if (stage.kind == "slow") {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));  // longer than between reports
      bench.step(0.75, 2);
    }
    double value = 1;
    for (const std::size_t upstream : stage.upstream)
      value += bench.input(upstream, "value").as<double>().front();
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

inline Plan empty_plan() {
  Plan plan;
  plan.study = "acting";
  return plan;
}

}  // namespace factsweep
