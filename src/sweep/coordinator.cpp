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
                         double wall_limit_s, Tell tell)
    : comm_(comm),
      plan_(plan),
      scheduler_(plan, done),
      artifacts_(std::move(artifacts)),
      wall_limit_s_(wall_limit_s),
      started_(seconds_since_start()),
      tell_(std::move(tell)),
      progress_(plan, done) {}

bool Coordinator::must_stop() const {
  return stop_signalled() || (wall_limit_s_ > 0 && seconds_since_start() > wall_limit_s_);
}

SweepResult Coordinator::serve() {
  auto pause = std::chrono::microseconds(50);
  while (ended_ < comm_.size()) {
    if (comm_.probe(kRequestTag)) {
      int rank = 0;
      const auto bytes = comm_.receive(MPI_ANY_SOURCE, kRequestTag, &rank);
      answer(Message::unpack(bytes), rank);
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
  const Scheduler::Counts counts = scheduler_.counts();
  result_.done = counts.done;
  result_.failed = counts.failed;
  result_.blocked = counts.blocked;
  result_.left = plan_.stages.size() - counts.done - counts.failed - counts.blocked;
  return result_;
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
      Message reply{.kind = static_cast<std::uint8_t>(Reply::artifact),
                    .stage = message.stage,
                    .outputs = artifacts_.at(stage)};
      comm_.send(reply.pack(), rank, kReplyTag);
      return;
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
      lose(rank, stage, message.text);
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

/// The stage waits for another rank; one that has brought down two of them is not tried on all.
void Coordinator::lose(int rank, std::size_t stage, const std::string& why) {
  sick_.insert(rank);
  idle_.insert(rank);
  const bool is_last = static_cast<int>(sick_.size()) == comm_.size();
  console::warn("rank {} takes no more stages, as {} met a fault of its machine: {}", rank,
                plan_.stages[stage].title, why);
  if (is_last) result_.fault = why;
  if (handed_back_.insert(stage).second || is_last) return scheduler_.give_back(stage);
  given_up_[stage] = why;
  fail(stage, why);
}

void Coordinator::give_work(int rank) {
  const bool stopping = must_stop() || result_.stopped || !result_.fault.empty();
  std::optional<std::size_t> stage;
  if (!stopping && !sick_.contains(rank)) stage = scheduler_.next();
  if (stage) {
    running_[*stage] = seconds_since_start();
    comm_.send(Message{.kind = static_cast<std::uint8_t>(Reply::run),
                       .stage = static_cast<std::int64_t>(*stage)}
                   .pack(),
               rank, kReplyTag);
  } else if (stopping || scheduler_.finished()) {
    const Scheduler::Counts counts = scheduler_.counts();
    if (counts.ready + counts.waiting + counts.running > 0 && result_.fault.empty())
      result_.stopped = true;
    comm_.send(Message{.kind = static_cast<std::uint8_t>(Reply::end)}.pack(), rank, kReplyTag);
    ++ended_;
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
  for (const auto& [stage, since] : running_)
    longest.push_back({stage, last_told_ - since, progress_.fraction(stage)});
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
