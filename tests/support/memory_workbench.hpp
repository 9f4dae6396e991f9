// A sweep in memory: stages run one after the other in this process, without MPI and without files.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "factsweep/stage/study.hpp"

namespace factsweep::test {

class MemoryWorkbench : public Workbench {
 public:
  explicit MemoryWorkbench(const Plan& plan) : plan_(plan) {}

  /// Stage `stage` of the plan; what it reads has to be there.
  void run(Executor& executor, std::size_t stage) {
    running_ = stage;
    start_clock();
    executor.run(plan_, stage, *this);
  }
  /// The whole plan, or the stages of one kind.
  void run_all(Executor& executor, const std::string& kind = "") {
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      if (kind.empty() || plan_.stages[i].kind == kind) run(executor, i);
    }
  }

  /// What an upstream stage would have left.
  void plant(std::size_t stage, const std::string& output, Array array) {
    arrays_[{stage, output}] = std::move(array);
  }
  bool has(std::size_t stage, const std::string& output) const {
    return arrays_.count({stage, output}) != 0;
  }
  /// An output that has a place in a file and was never emitted; empty: there is none.
  std::string missing() const {
    for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
      for (const Output& output : plan_.stages[i].outputs) {
        if (!output.places.empty() && !has(i, output.name))
          return plan_.stages[i].title + ": " + output.name.text();
      }
    }
    return "";
  }
  const Array& output(std::size_t stage, const std::string& output) const {
    return arrays_.at({stage, output});
  }

  const Array& input(std::size_t upstream, std::string_view name) override {
    const auto& upstreams = plan_.stages.at(running_).upstream;
    require(std::find(upstreams.begin(), upstreams.end(), upstream) != upstreams.end(),
            "a stage reads another one that it does not depend on");
    return arrays_.at({upstream, std::string(name)});
  }
  void emit(std::string_view name, const Array& array) override {
    const Output* planned = plan_.stages.at(running_).find_output(name);
    require(planned != nullptr, "a stage emits what is no output of it: " + std::string(name));
    arrays_[{running_, std::string(name)}] = array;
  }
  void step(double fraction, std::int64_t tokens) override {
    require(fraction >= 0 && fraction <= 1 + 1e-9 && tokens >= 0, "progress is a share");
    if (steps++ != stop_at) return;
    std::this_thread::sleep_for(stop_after);
    stopped_s = clock().seconds();
    throw StopRequested();
  }
  void say(std::string_view text) override { said.emplace_back(text); }
  std::string checkpoint_stem() const override {
    return checkpoints.empty() ? "" : checkpoints + "/" + plan_.stages.at(running_).key;
  }

  std::int64_t steps = 0;
  std::int64_t stop_at = std::numeric_limits<std::int64_t>::max();  // the step that is told to stop
  std::chrono::milliseconds stop_after{0};  // that this step takes
  double stopped_s = 0;                     // what the stage's clock showed then
  std::string checkpoints = {};             // a folder; empty: none
  std::vector<std::string> said;

 private:
  const Plan& plan_;
  std::size_t running_ = 0;
  std::map<std::pair<std::size_t, std::string>, Array> arrays_;
};

}  // namespace factsweep::test
