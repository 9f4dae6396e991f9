#include "coordinator.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "factsweep/core/console.hpp"
#include "factsweep/sweep/stop.hpp"

namespace factsweep {
namespace {
const auto kProgramStart = std::chrono::steady_clock::now();
constexpr double kShowSeconds = 0.1;  // the line of progress costs as much as a stage's messages
constexpr double kTellSeconds = 2;
}

double seconds_since_start() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - kProgramStart).count();
}

Coordinator::Coordinator(const Communicator& comm, const Plan& plan, const std::vector<bool>& done,
                         std::map<std::size_t, std::vector<SharedOutput>> artifacts,
                         double wall_limit_s, Tell tell, Survivors& survivors)
    : comm_(comm),
      plan_(plan),
      scheduler_(plan, done),
      artifacts_(std::move(artifacts)),
      wall_limit_s_(wall_limit_s),
      started_(seconds_since_start()),
      tell_(std::move(tell)),
      survivors_(survivors),
      is_lost_([this](int rank) { return survivors_.is_lost(rank); }),
      progress_(plan, done) {}

bool Coordinator::must_stop() const {
  return stop_signalled() || (wall_limit_s_ > 0 && seconds_since_start() > wall_limit_s_);
}

SweepResult Coordinator::serve() {
  auto pause = std::chrono::microseconds(50);
  const auto ranks = static_cast<std::size_t>(comm_.size());
  while (gone_.size() < ranks) {
    for (const auto& [rank, why] : survivors_.newly_lost()) leave_behind(rank, why);
    if (comm_.probe(kRequestTag)) {
      hear();
      pause = std::chrono::microseconds(50);
    } else {
      // rank 0 computes on this core too: sleep longer the longer nothing comes
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::microseconds(2000));
      if (!idle_.empty() && must_stop()) wake_idle();
    }
    if (seconds_since_start() - last_shown_ > kShowSeconds) show_progress();
    if (seconds_since_start() - last_told_ > kTellSeconds) tell_running();
    if (!said_stop_ && stop_signalled()) say_stop();
  }
  console::end_progress();
  conclude();
  return result_;
}

/// What came of the sweep, to all ranks that live.
void Coordinator::conclude() {
  const Scheduler::Counts counts = scheduler_.counts();
  result_.done = counts.done;
  result_.failed = counts.failed;
  result_.blocked = counts.blocked;
  result_.left = plan_.stages.size() - counts.done - counts.failed - counts.blocked;
  result_.has_losses = !survivors_.end();
  const std::string told = result_.pack();
  for (int rank = 1; rank < comm_.size(); ++rank) {
    if (survivors_.is_lost(rank)) continue;
    reply({.kind = static_cast<std::uint8_t>(Reply::result), .text = told}, rank);
  }
}

void Coordinator::hear() {
  int rank = 0;
  const auto bytes = comm_.receive_unless(is_lost_, MPI_ANY_SOURCE, kRequestTag, &rank);
  if (!bytes || survivors_.is_lost(rank)) return;
  // who asks has left the collective calls behind
  if (heard_.insert(rank).second && heard_.size() == static_cast<std::size_t>(comm_.size()))
    survivors_.begin();
  answer(Message::unpack(*bytes), rank);
}

void Coordinator::reply(const Message& message, int rank) {
  comm_.send_unless(is_lost_, message.pack(), rank, kReplyTag);
}

void Coordinator::answer(const Message& message, int rank) {
  const auto stage = static_cast<std::size_t>(message.stage);
  const auto request = static_cast<Request>(message.kind);
  if (request != Request::work && request != Request::fetch && request != Request::progress)
    running_.erase(stage);
  switch (request) {
    case Request::work:
      return give_work(rank);
    case Request::progress:
      tokens_ += message.tokens;
      progress_.running(stage, message.begun, message.fraction);
      return;
    case Request::fetch: {
      return reply({.kind = static_cast<std::uint8_t>(Reply::artifact),
                    .stage = message.stage,
                    .outputs = artifacts_.at(stage)},
                   rank);
    }
    case Request::finished:
      artifacts_[stage] = message.outputs;
      progress_.finished(stage);
      scheduler_.complete(stage);
      return wake_idle();
    case Request::failed:
      progress_.failed(stage);
      fail(stage, message.text);
      return wake_idle();
    case Request::sick:
      progress_.failed(stage);
      fall_sick(rank, stage, message.text);
      return wake_idle();
    case Request::stopped:
      result_.stopped = true;
      return wake_idle();
  }
}

void Coordinator::fail(std::size_t stage, const std::string& why) {
  console::warn("{} failed: {}", plan_.stages[stage].title, why);
  for (const std::size_t dependant : scheduler_.fail(stage)) blocked_.insert(dependant);
}

void Coordinator::fall_sick(int rank, std::size_t stage, const std::string& why) {
  unfit_.insert(rank);
  idle_.insert(rank);
  console::warn("rank {} takes no more stages, as {} met a fault of its machine: {}", rank,
                plan_.stages[stage].title, why);
  take_back(stage, why);
}

void Coordinator::leave_behind(int rank, const std::string& why) {
  unfit_.insert(rank);
  idle_.erase(rank);
  gone_.insert(rank);
  const auto held = std::find_if(running_.begin(), running_.end(),
                                 [&](const auto& entry) { return entry.second.rank == rank; });
  console::warn("{}. The other ranks go on without it{}", why,
                held == running_.end() ? ""
                                       : fmt::format(", and '{}' goes to one of them",
                                                     plan_.stages[held->first].title));
  if (held != running_.end()) {
    const std::size_t stage = held->first;
    running_.erase(held);
    progress_.failed(stage);
    take_back(stage, why);
  } else {
    nobody_is_left(why);
  }
  wake_idle();
}

bool Coordinator::nobody_is_left(const std::string& why) {
  const bool nobody = static_cast<int>(unfit_.size()) == comm_.size();
  if (nobody) result_.fault = why;
  return nobody;
}

/// The stage waits for another rank; one that has brought down two of them is not tried on all.
void Coordinator::take_back(std::size_t stage, const std::string& why) {
  const bool is_last = nobody_is_left(why);
  if (handed_back_.insert(stage).second || is_last) return scheduler_.give_back(stage);
  given_up_[stage] = why;
  fail(stage, why);
}

void Coordinator::give_work(int rank) {
  const bool stopping = must_stop() || result_.stopped || !result_.fault.empty();
  std::optional<std::size_t> stage;
  if (!stopping && !unfit_.contains(rank)) stage = scheduler_.next();
  if (stage) {
    running_[*stage] = {seconds_since_start(), rank};
    reply(
        {.kind = static_cast<std::uint8_t>(Reply::run), .stage = static_cast<std::int64_t>(*stage)},
        rank);
  } else if (stopping || scheduler_.finished()) {
    const Scheduler::Counts counts = scheduler_.counts();
    if (counts.ready + counts.waiting + counts.running > 0 && result_.fault.empty())
      result_.stopped = true;
    reply({.kind = static_cast<std::uint8_t>(Reply::end)}, rank);
    gone_.insert(rank);
  } else {
    idle_.insert(rank);  // answered when a stage becomes ready
  }
}

void Coordinator::wake_idle() {
  const std::set<int> ranks = std::exchange(idle_, {});
  for (const int rank : ranks) give_work(rank);
}

void Coordinator::say_stop() {
  said_stop_ = true;
  const std::string message = stop_message();
  if (!message.empty()) console::info("{}.", message);
}

void Coordinator::tell_running() {
  last_told_ = seconds_since_start();
  std::vector<RunningStage> longest;
  for (const auto& [stage, run] : running_)
    longest.push_back({stage, last_told_ - run.since, progress_.fraction(stage)});
  const auto end =
      longest.begin() + static_cast<std::ptrdiff_t>(std::min(longest.size(), kShownStages));
  std::partial_sort(
      longest.begin(), end, longest.end(),
      [](const RunningStage& a, const RunningStage& b) { return a.seconds > b.seconds; });
  longest.erase(end, longest.end());
  tell_({std::move(longest), progress_.share(), progress_.seconds_left(last_told_ - started_)});
}

void Coordinator::show_progress() {
  last_shown_ = seconds_since_start();
  const Scheduler::Counts counts = scheduler_.counts();
  const double elapsed = seconds_since_start() - started_;
  const std::optional<double> left = progress_.seconds_left(elapsed);
  // what matters most first: a narrow terminal shows the beginning
  console::progress(fmt::format(
      "{:.0f}% of the work done{}; {} of {} stages done, {} running, {} failed; {} so far, {:.0f} "
      "tokens/s",
      100 * progress_.share(), left ? fmt::format(", {} to go", console::duration(*left)) : "", counts.done,
      plan_.stages.size(), counts.running, counts.failed, console::duration(elapsed),
      static_cast<double>(tokens_) / std::max(elapsed, 1e-3)));
}

}  // namespace factsweep
