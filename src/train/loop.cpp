#include "factsweep/train/loop.hpp"

#include <fmt/format.h>

#include <system_error>

#include "factsweep/core/error.hpp"
#include "factsweep/core/stopwatch.hpp"
#include "factsweep/model/checkpoint_file.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/train/save_schedule.hpp"

namespace factsweep {
namespace {

/// What the loop knows of one member.
struct Lessons {
  std::vector<double> loss;     // by epoch
  double sum = 0, weight = 0;   // of the epoch under way
  std::int64_t evaluated = -1;  // last epoch that on_epoch() has seen to the end
};

constexpr std::int64_t kColumns = 4;  // of loop.members

class Loop {
 public:
  Loop(Training& training, const LoopOptions& options)
      : training_(training),
        options_(options),
        members_(training.members()),
        schedule_(options.checkpoint_interval) {}

  LoopResult run() {
    clock_ = Stopwatch(resume());
    if (!options_.checkpoint.empty()) schedule_.expect(training_.checkpoint_bytes());
    schedule_.begin();
    evaluate_if_due();
    while (!training_.is_done()) {
      step();
      evaluate_if_due();
      if (schedule_.is_due()) save();
    }
    if (options_.keep_finished && !is_saved_) save();
    LoopResult result;
    for (Lessons& member : members_) result.loss.push_back(std::move(member.loss));
    result.seconds = clock_.seconds();
    return result;
  }

 private:
  void step() {
    const std::vector<StepLoss> losses = training_.advance();
    for (const std::string& note : training_.take_notes()) say(note);
    is_saved_ = false;
    std::int64_t tokens = 0;
    for (std::size_t i = 0; i < losses.size(); ++i) {
      if (losses[i].tokens == 0) continue;
      tokens += 3 * losses[i].tokens;
      Lessons& member = members_[i];
      member.sum += losses[i].sum;
      member.weight += losses[i].weight;
      const Course& course = training_.course(i);
      if (course.steps_done() % course.steps_per_epoch() != 0) continue;
      member.loss.push_back(member.sum / member.weight);
      member.sum = member.weight = 0;
    }
    if (options_.progress) call([&] { options_.progress(training_.fraction(), tokens); });
  }

  void evaluate_if_due() {
    if (!options_.on_epoch) return;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const std::int64_t epoch = training_.course(i).epochs_done();
      if (members_[i].evaluated == epoch) continue;
      clock_.hold();  // what comes now is no training
      call([&] { options_.on_epoch(i, epoch); });
      clock_.go_on();
      members_[i].evaluated = epoch;
      is_saved_ = false;
    }
  }

  /// What a callback throws goes on once the state is saved.
  template <typename Callback>
  void call(const Callback& callback) {
    try {
      callback();
    } catch (...) {
      save();
      throw;
    }
  }

  void save() {
    const Stopwatch saving;
    if (options_.checkpoint.empty()) return schedule_.saved(0);
    NamedTensors tensors = own();
    if (options_.state) {
      for (auto& [name, tensor] : options_.state()) tensors.emplace_back(name, tensor);
    }
    try {
      training_.save(options_.checkpoint, tensors);
      is_saved_ = true;
      schedule_.saved(saving.seconds());
    } catch (const EnvironmentError& error) {
      say(
          fmt::format("{} The training goes on; what it has done since its last checkpoint is lost "
                      "when the job ends before the next one.",
                      error.what()));
      schedule_.failed();
    }
  }

  void say(const std::string& text) const {
    if (options_.say) options_.say(text);
  }

  NamedTensors own() const {
    std::vector<double> table, loss;
    for (const Lessons& member : members_) {
      table.insert(table.end(), {static_cast<double>(member.loss.size()), member.sum, member.weight,
                                 static_cast<double>(member.evaluated)});
      loss.insert(loss.end(), member.loss.begin(), member.loss.end());
    }
    return {{"loop.members", torch::tensor(table, torch::kFloat64)},
            {"loop.loss", torch::tensor(loss, torch::kFloat64)},
            {"loop.seconds",
             torch::tensor({clock_.seconds(), options_.clock ? options_.clock->seconds() : 0},
                           torch::kFloat64)}};
  }

  /// Returns the seconds of earlier runs.
  double resume() {
    double earlier = 0;
    if (options_.checkpoint.empty()) return earlier;
    const auto saved = training_.restore(options_.checkpoint, [&](const SafetensorsReader& file) {
      std::vector<Lessons> members = members_of(file);
      const std::vector<double> seconds = numbers(file, "loop.seconds", 2);
      if (options_.read_state) options_.read_state(file);
      members_ = std::move(members);
      earlier = seconds[0];
      if (options_.clock) options_.clock->go_on_from(seconds[1]);
    });
    is_saved_ = saved.has_value();
    if (!training_.refusal().empty())
      say(fmt::format(
          "its checkpoint cannot be taken up, and it begins anew: {} The file is {} now.",
          training_.refusal(), put_aside(options_.checkpoint)));
    return earlier;
  }

  /// InputError.
  static std::vector<double> numbers(const SafetensorsReader& file, const char* name,
                                     std::int64_t count) {
    const torch::Tensor values = file.read(name, {count}, torch::kFloat64, torch::kCPU);
    return {values.data_ptr<double>(), values.data_ptr<double>() + count};
  }

  std::vector<Lessons> members_of(const SafetensorsReader& file) const {
    const auto count = static_cast<std::int64_t>(members_.size());
    const std::vector<double> table = numbers(file, "loop.members", count * kColumns);
    std::vector<Lessons> members(members_.size());
    std::int64_t epochs = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (!(table[kColumns * i] >= 0)) throw InputError("loop.members: a number of epochs below 0");
      epochs += static_cast<std::int64_t>(table[kColumns * i]);
    }
    const std::vector<double> loss = numbers(file, "loop.loss", epochs);
    auto next = loss.begin();
    for (std::size_t i = 0; i < members.size(); ++i) {
      const double* row = &table[kColumns * i];
      const auto end = next + static_cast<std::ptrdiff_t>(row[0]);
      members[i] = {{next, end}, row[1], row[2], static_cast<std::int64_t>(row[3])};
      next = end;
    }
    return members;
  }

  Training& training_;
  const LoopOptions& options_;
  std::vector<Lessons> members_;
  Stopwatch clock_;  // held during on_epoch()
  SaveSchedule schedule_;
  bool is_saved_ = false;  // whether the checkpoint holds everything
};

}  // namespace

LoopResult train(Training& training, const LoopOptions& options) {
  return Loop(training, options).run();
}

void remove_checkpoint(const std::filesystem::path& checkpoint) {
  std::error_code ignored;
  if (!checkpoint.empty()) std::filesystem::remove(checkpoint, ignored);
}

}  // namespace factsweep
