#include "factsweep/studies/support/training.hpp"

#include <chrono>

#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::filesystem::path checkpoint_of(const Workbench& bench) {
  return bench.checkpoint_stem().empty() ? "" : bench.checkpoint_stem() + ".safetensors";
}

struct Progress {
  std::vector<double> loss;
  double sum = 0, tokens = 0;  // of the epoch under way
  double seconds = 0;

  NamedTensors tensors() const {
    return {{"loss", torch::tensor(loss, torch::kFloat64)},
            {"progress", torch::tensor({sum, tokens, seconds}, torch::kFloat64)}};
  }
  static Progress of(const SafetensorsReader& saved) {
    Progress progress;
    const torch::Tensor loss = saved.view("loss"), rest = saved.view("progress");
    for (std::int64_t i = 0; i < loss.numel(); ++i) progress.loss.push_back(loss[i].item<double>());
    progress.sum = rest[0].item<double>();
    progress.tokens = rest[1].item<double>();
    progress.seconds = rest[2].item<double>();
    return progress;
  }
};

}  // namespace

TrainingRecord train_to_end(Trainer& trainer, std::int64_t epochs, Workbench& bench,
                            double checkpoint_interval) {
  const std::filesystem::path checkpoint = checkpoint_of(bench);
  Progress progress;
  if (!checkpoint.empty()) {
    if (const auto saved = trainer.restore(checkpoint)) progress = Progress::of(*saved);
  }
  const std::int64_t steps = epochs * trainer.steps_per_epoch();
  const double before = progress.seconds;
  const Clock::time_point start = Clock::now();
  Clock::time_point last_save = start;
  const auto save = [&] {
    progress.seconds = before + since(start);
    if (!checkpoint.empty()) trainer.save(checkpoint, progress.tensors());
    last_save = Clock::now();
  };
  while (trainer.steps_done() < steps) {
    const Trainer::StepLoss loss = trainer.step();
    progress.sum += loss.sum;
    progress.tokens += static_cast<double>(loss.answer_tokens);
    if (trainer.steps_done() % trainer.steps_per_epoch() == 0) {
      progress.loss.push_back(progress.sum / progress.tokens);
      progress.sum = progress.tokens = 0;
    }
    try {
      bench.step(static_cast<double>(trainer.steps_done()) / static_cast<double>(steps),
                 3 * loss.tokens);
    } catch (const StopRequested&) {
      save();
      throw;
    }
    if (checkpoint_interval > 0 && since(last_save) > checkpoint_interval) save();
  }
  save();
  return {progress.loss, before + since(start)};
}

void remove_checkpoint(const Workbench& bench) {
  std::error_code ignored;
  if (!checkpoint_of(bench).empty()) std::filesystem::remove(checkpoint_of(bench), ignored);
}

}  // namespace factsweep
