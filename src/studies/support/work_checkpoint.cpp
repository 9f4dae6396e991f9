#include "factsweep/studies/support/work_checkpoint.hpp"

#include <fmt/format.h>

#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/model/checkpoint_file.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training.hpp"

namespace factsweep {
namespace {

constexpr const char* kPrefix = "work.";
constexpr const char* kNumbers = "stage.numbers";  // parts that are done, seconds of both clocks

}  // namespace

WorkCheckpoint::WorkCheckpoint(StageRun& run)
    : run_(run),
      path_(checkpoint_of(run.bench())),
      schedule_(run.deck().seconds("run.checkpoint_interval")) {
  try {
    earlier_ = read();
  } catch (const InputError& error) {
    refuse(error.what());
  }
}

std::optional<WorkCheckpoint::Earlier> WorkCheckpoint::read() const {
  if (path_.empty()) return std::nullopt;
  const auto file = open_checkpoint_file(path_);
  if (!file) return std::nullopt;
  const auto key = file->metadata().find("stage");
  if (key == file->metadata().end() || key->second != run_.stage().key)
    throw InputError("it is of another stage.");
  const torch::Tensor numbers = file->read(kNumbers, {3}, torch::kFloat64, torch::kCPU);
  Earlier earlier{.work_s = numbers[1].item<double>(), .stage_s = numbers[2].item<double>()};
  earlier.state.done = static_cast<std::int64_t>(numbers[0].item<double>());
  for (const std::string& name : file->names()) {
    if (name.starts_with(kPrefix))
      earlier.state.tensors.emplace_back(name.substr(std::string_view(kPrefix).size()),
                                         file->view(name).clone());
  }
  return earlier;
}

void WorkCheckpoint::refuse(const std::string& why) const {
  run_.bench().say(
      fmt::format("its checkpoint cannot be taken up, and it begins anew: {} The file is {} now.",
                  why, put_aside(path_)));
}

bool WorkCheckpoint::take_up(const std::function<void(const WorkState&)>& restore) {
  const std::optional<Earlier> earlier = std::exchange(earlier_, std::nullopt);
  if (!earlier) return false;
  try {
    restore(earlier->state);
  } catch (const InputError& error) {
    refuse(error.what());
    return false;
  }
  clock_.add(earlier->work_s);
  run_.bench().clock().go_on_from(earlier->stage_s);
  return true;
}

WorkKeeper WorkCheckpoint::keeper() {
  const auto keep = [this](bool is_over, const std::function<WorkState()>& state) {
    last_ = state;
    if (is_over || schedule_.is_due()) save(last_());
    if (is_over) last_ = nullptr;
  };
  return {.take_up = [this](const auto& restore) { return take_up(restore); }, .keep = keep};
}

StepCallback WorkCheckpoint::steps() {
  return [this](double fraction, std::int64_t tokens) {
    try {
      run_.step(fraction, tokens);
    } catch (const StopRequested&) {
      if (last_) save(last_());
      throw;
    }
  };
}

void WorkCheckpoint::save(const WorkState& state) {
  const Stopwatch saving;
  if (path_.empty()) return schedule_.saved(0);
  NamedTensors tensors = {
      {kNumbers,
       torch::tensor({static_cast<double>(state.done), clock_.seconds(),
                      run_.bench().clock().seconds()},
                     torch::kFloat64)}};
  for (const auto& [name, tensor] : state.tensors) tensors.emplace_back(kPrefix + name, tensor);
  try {
    write_checkpoint_file(path_, tensors, {{"stage", run_.stage().key}});
    schedule_.saved(saving.seconds());
  } catch (const EnvironmentError& error) {
    run_.bench().say(
        fmt::format("{} It goes on; what it has done since its last checkpoint is lost when the "
                    "job ends before "
                    "the next one.",
                    error.what()));
    schedule_.failed();
  }
}

void WorkCheckpoint::remove() const {
  remove_checkpoint(path_);
}

}  // namespace factsweep
