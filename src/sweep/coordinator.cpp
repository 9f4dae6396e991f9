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
// that the stages handed to a rank at once may take together
constexpr double kAheadSeconds = 0.01;
// so few that MPI takes the message before it is received: the rank may be computing, or wait until
// a long message of its own is received here
constexpr std::size_t kStagesAMessage = 64;
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
      shares_(static_cast<std::size_t>(comm.size())),
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
  switch (request) {
    case Request::work:
      return give_work(rank);
    case Request::back:
      for (const std::int64_t unbegun : message.stages) {
        take_out(rank, static_cast<std::size_t>(unbegun));
        scheduler_.give_back(static_cast<std::size_t>(unbegun));
      }
      return wake_idle();
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
      take_out(rank, stage);
      share_of(rank).seconds = message.seconds;
      share_of(rank).cost_flop = plan_.stages[stage].cost_flop;
      if (!message.outputs.empty()) artifacts_[stage] = message.outputs;
      progress_.finished(stage);
      scheduler_.complete(stage);
      return give_more(rank);
    case Request::failed:
      take_out(rank, stage);
      progress_.failed(stage);
      fail(stage, message.text);
      return give_more(rank);
    case Request::sick:
      take_out(rank, stage);
      progress_.failed(stage);
      fall_sick(rank, stage, message.text);
      return wake_idle();
    case Request::stopped:
      share_of(rank) = {};
      idle_.insert(rank);
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
  take_back_unbegun(rank);
  take_back(stage, why);
}

void Coordinator::take_out(int rank, std::size_t stage) {
  Share& share = share_of(rank);
  const auto found = std::find(share.stages.begin(), share.stages.end(), stage);
  require(found != share.stages.end(), "Coordinator: a stage that the rank was not handed");
  if (found == share.stages.begin()) share.since = seconds_since_start();
  share.stages.erase(found);
  share.flop = share.stages.empty() ? 0 : share.flop - plan_.stages[stage].cost_flop;
}

/// Of a rank whose running stage has been taken out.
void Coordinator::take_back_unbegun(int rank) {
  for (const std::size_t stage : share_of(rank).stages) scheduler_.give_back(stage);
  share_of(rank) = {};
}

void Coordinator::leave_behind(int rank, const std::string& why) {
  unfit_.insert(rank);
  idle_.erase(rank);
  gone_.insert(rank);
  const bool is_idle = share_of(rank).stages.empty();
  console::warn("{}. The other ranks go on without it{}", why,
                is_idle ? ""
                        : fmt::format(", and '{}' goes to one of them",
                                      plan_.stages[share_of(rank).stages.front()].title));
  if (!is_idle) {
    const std::size_t stage = share_of(rank).stages.front();
    take_out(rank, stage);
    take_back_unbegun(rank);
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

/// To a rank that waits, the next stage. It may have those after it at once as long as all are so
/// short, at the pace of the last that it finished, that waiting for each would take its time, and
/// as there are enough of them for all ranks.
bool Coordinator::may_have(const Share& share, std::size_t stage) const {
  const auto held = static_cast<double>(share.stages.size());
  if (held == 0) return true;
  const double flop = share.flop + plan_.stages[stage].cost_flop;
  return held * share.seconds < kAheadSeconds &&
         flop * share.seconds <= kAheadSeconds * share.cost_flop &&
         2 * held * comm_.size() < static_cast<double>(scheduler_.counts().ready);
}

/// A rank has done one of its stages; others may wait for what that has made ready.
void Coordinator::give_more(int rank) {
  wake_idle();
  const Share& share = share_of(rank);
  if (2 * share.stages.size() <= share.handed) give_work(rank);
}

void Coordinator::give_work(int rank) {
  const bool stopping = must_stop() || result_.stopped || !result_.fault.empty();
  Share& share = share_of(rank);
  std::vector<std::int64_t> work;
  if (!stopping && !unfit_.contains(rank)) {
    for (auto stage = scheduler_.peek(); stage && may_have(share, *stage);
         stage = scheduler_.peek()) {
      scheduler_.next();
      share.stages.push_back(*stage);
      share.flop += plan_.stages[*stage].cost_flop;
      work.push_back(static_cast<std::int64_t>(*stage));
    }
  }
  if (!work.empty()) {
    if (share.stages.size() == work.size()) share.since = seconds_since_start();
    share.handed = share.stages.size();
    for (std::size_t begin = 0; begin < work.size(); begin += kStagesAMessage) {
      const std::size_t end = std::min(work.size(), begin + kStagesAMessage);
      reply({.kind = static_cast<std::uint8_t>(Reply::run),
             .stages = {work.data() + begin, work.data() + end}},
            rank);
    }
  } else if (!share.stages.empty()) {
    return;
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
  for (const Share& share : shares_) {
    if (share.stages.empty()) continue;
    const std::size_t stage = share.stages.front();
    longest.push_back({stage, last_told_ - share.since, progress_.fraction(stage)});
  }
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
