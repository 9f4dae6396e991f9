#include "factsweep/studies/support/training.hpp"

#include <cmath>

namespace factsweep {

std::filesystem::path checkpoint_of(const Workbench& bench) {
  const std::string stem = bench.checkpoint_stem();
  return stem.empty() ? "" : stem + ".safetensors";
}

LoopOptions stage_loop(StageRun& run) {
  Workbench& bench = run.bench();
  LoopOptions options;
  options.checkpoint = checkpoint_of(bench);
  options.checkpoint_interval = run.deck().seconds("run.checkpoint_interval");
  options.keep_finished = options.checkpoint_interval > 0;
  options.progress = run.steps();
  options.clock = &bench.clock();
  options.say = [&bench](const std::string& text) { bench.say(text); };
  return options;
}

bool loss_rose(std::span<const double> loss, std::int64_t vocabulary) {
  return loss.back() > loss.front() || loss.back() > std::log(static_cast<double>(vocabulary));
}

}  // namespace factsweep
