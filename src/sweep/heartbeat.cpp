#include "factsweep/sweep/heartbeat.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>

#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/provenance.hpp"
#include "factsweep/sweep/stop.hpp"

namespace factsweep {

struct Heartbeat::Beat {
  std::int32_t process = 0;
  bool leaves = false;  // the last one
  bool saves = false;   // of rank 0: save your work; of the others: told to
  bool ends = false;    // of rank 0: the others go on without you
  bool busy = false, has_work = false;
  double standing_s = 0;
  double silence_s = HeartbeatLimits().silence_s;  // ranks may not hear of their limits at once
  std::array<char, 64> host{};
  std::array<char, 160> what{};
};

struct Heartbeat::Peer {
  Beat last;
  double silent_s = 0;
  bool has_ended = false;  // its process, as MPI tells
  double ended_s = 0;      // since then
  bool is_gone = false;  // has said that it leaves
  bool is_told = false;  // that rank 0 leaves
  bool is_left_behind = false;
};

namespace {

using Clock = std::chrono::steady_clock;

template <std::size_t N>
void put(std::array<char, N>& field, const std::string& text) {
  std::memcpy(field.data(), text.data(), std::min(text.size(), N - 1));
}

std::string seconds_ago(double seconds) {
  const std::time_t then = std::time(nullptr) - static_cast<std::time_t>(seconds + 0.5);
  std::tm parts{};
  gmtime_r(&then, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text.data();
}

/// Where MPI itself is broken, MPI_Abort may not return either.
void abort_job() {
  constexpr int kCode = static_cast<int>(ExitCode::environment);
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::seconds(5));
    std::_Exit(kCode);
  }).detach();
  MPI_Abort(MPI_COMM_WORLD, kCode);
}

/// 0: there is no such process.
int parent_of(std::int32_t process) {
  std::ifstream file(fmt::format("/proc/{}/status", process));
  for (std::string word; file >> word;) {
    int parent = 0;
    if (word == "PPid:" && file >> parent) return parent;
  }
  return 0;
}

/// Seconds between two looks: a tenth of the shorter limit, at most 5.
double tick_of(const HeartbeatLimits& limits) {
  double shortest = 50;
  for (const double limit : {limits.silence_s, limits.hang_s})
    if (limit > 0) shortest = std::min(shortest, limit);
  return std::max(shortest / 10, 0.01);
}

/// Seconds between two beats: four may be missed.
double interval_of(const HeartbeatLimits& limits) {
  return 2 * tick_of(limits);
}

}  // namespace

Heartbeat::Heartbeat(const Communicator& world, const Activity& activity,
                     HeartbeatActions actions)
    : activity_(activity),
      actions_(std::move(actions)),
      rank_(world.rank()),
      size_(world.size()),
      mailbox_(world, sizeof(Beat)),
      peers_(static_cast<std::size_t>(rank_ == 0 ? size_ : 1)) {
  if (!actions_.save_work) actions_.save_work = request_stop;
  if (!actions_.end_job) actions_.end_job = abort_job;
  if (rank_ == 0) peers_[0].is_gone = true;  // hears nothing of itself
  thread_ = std::thread([this] {
    try {
      run();
    } catch (const std::exception& error) {
      console::write_error(error.what());
      actions_.end_job();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Heartbeat::set_limits(const HeartbeatLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  is_renewed_ = true;
  changed_.notify_all();
}

void Heartbeat::on_loss(std::function<void(const std::string& why)> tell) {
  const std::lock_guard lock(mutex_);
  tell_ = std::move(tell);
}

void Heartbeat::end() {
  {
    std::unique_lock lock(mutex_);
    ending_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return ended_; });
  }
  thread_.join();
}

/// Time is counted in looks, none longer than two ticks: a job that was suspended as a whole, or a
/// clock that jumps, has nobody silent.
void Heartbeat::run() {
  auto looked = Clock::now();
  speak();
  while (!is_over_) {
    bool leaving = false;
    {
      std::unique_lock lock(mutex_);
      now_ = limits_;
      double pause = tick_of(now_);
      // the end is a conversation of a few messages that somebody waits for
      if (ending_) pause = std::min(pause, 0.001);
      if (saves_) pause = std::min(pause, 0.5);
      const bool was_ending = ending_;
      changed_.wait_for(lock, std::chrono::duration<double>(pause),
                        [&] { return ending_ != was_ending || abandoned_ || is_renewed_; });
      if (std::exchange(is_renewed_, false)) {
        now_ = limits_;
        has_spoken_ = false;  // the others go by a rank's own limit, and hear of it at once
      }
      if (abandoned_) return;
      leaving = ending_;
    }
    const auto now = Clock::now();
    const double really_passed_s = std::chrono::duration<double>(now - looked).count();
    const double passed_s = std::min(really_passed_s, 2 * tick_of(now_));
    looked = now;
    hear();
    watch(passed_s);
    since_beat_s_ += really_passed_s;
    if (leaving)
      leave();
    else
      speak();
  }
}

void Heartbeat::hear() {
  while (const auto letter = mailbox_.fetch()) {
    Beat beat;
    std::memcpy(&beat, letter->bytes.data(), sizeof beat);
    Peer& peer = peers_[rank_ == 0 ? static_cast<std::size_t>(letter->from) : 0];
    peer.last = beat;
    peer.silent_s = 0;
    if (beat.leaves) peer.is_gone = true;
    if (rank_ != 0 && beat.ends) {
      console::write_error(
          "rank 0 has heard nothing of this rank, or seen it hang, and the others go on without "
          "it: it ends");
      ::raise(SIGKILL);  // an exit code of its own could become the job's
    }
    if (rank_ != 0 && beat.saves && !std::exchange(saves_, true)) actions_.save_work();
  }
}

Heartbeat::Beat Heartbeat::mine() const {
  const Activity::State state = activity_.state();
  Beat beat;
  beat.process = ::getpid();
  beat.saves = saves_;
  beat.busy = state.busy;
  beat.has_work = state.has_work;
  beat.standing_s = standing_s_;
  beat.silence_s = now_.silence_s;
  put(beat.host, host_name());
  put(beat.what, state.what);
  return beat;
}

bool Heartbeat::tell_peers(const Beat& beat) {
  const auto bytes = std::as_bytes(std::span(&beat, 1));
  if (rank_ != 0) return mailbox_.post(0, bytes);
  bool all = true;
  for (std::size_t i = 1; i < peers_.size(); ++i) {
    if (peers_[i].is_left_behind || (beat.leaves && peers_[i].is_told)) continue;
    const bool posted = mailbox_.post(static_cast<int>(i), bytes);
    if (beat.leaves) peers_[i].is_told = posted;
    all = all && posted;
  }
  return all;
}

void Heartbeat::speak() {
  if (!saves_ && has_spoken_ && since_beat_s_ < interval_of(now_)) return;
  has_spoken_ = true;
  since_beat_s_ = 0;
  tell_peers(mine());
}

/// Every rank says that it leaves, and goes when rank 0, which hears all of them, has said so too.
void Heartbeat::leave() {
  Beat last = mine();
  last.leaves = true;
  const bool all_gone = std::all_of(peers_.begin(), peers_.end(),
                                    [](const Peer& peer) { return peer.is_gone; });
  if (rank_ == 0 && !all_gone) return speak();
  if (!has_left_) has_left_ = tell_peers(last);
  is_over_ = has_left_ && all_gone && mailbox_.is_sent();
}

void Heartbeat::watch(double passed_s) {
  for (Peer& peer : peers_) {
    if (!peer.is_gone) peer.silent_s += passed_s;
    if (peer.has_ended) peer.ended_s += passed_s;
  }
  for (const int rank : mailbox_.ended_ranks())
    if (rank_ == 0 || rank == 0) peers_[static_cast<std::size_t>(rank)].has_ended = true;
  const Activity::State now = activity_.state();
  const bool has_moved = now.moves != std::exchange(moves_, now.moves);
  const bool stands = now.busy && !has_moved;
  standing_s_ = stands ? standing_s_ + passed_s : 0;
  if (is_lost_) {
    since_loss_s_ += passed_s;
    return end_when_saved();
  }
  const Loss lost = loss();
  if (!lost.why.empty() && !goes_on_without(lost)) lose(lost.why);
}

/// A process that stands still or hangs must not come back and write: it ends, if it hears that, or
/// is killed, where it is a sibling of rank 0's.
bool Heartbeat::goes_on_without(const Loss& lost) {
  if (rank_ != 0 || lost.rank == 0 || hangs(0) || !actions_.go_on_without ||
      !actions_.go_on_without(static_cast<int>(lost.rank), lost.why))
    return false;
  Peer& peer = peers_[lost.rank];
  peer.is_gone = peer.is_left_behind = true;
  Beat last = mine();
  last.ends = true;
  mailbox_.post(static_cast<int>(lost.rank), std::as_bytes(std::span(&last, 1)));
  mailbox_.give_up(static_cast<int>(lost.rank));
  if (peer.last.host.data() == host_name() && parent_of(peer.last.process) == ::getppid())
    ::kill(peer.last.process, SIGKILL);
  return true;
}

std::string Heartbeat::name(std::size_t rank) const {
  const Beat beat = is_me(rank) ? mine() : peers_[rank].last;
  if (beat.process == 0) return fmt::format("rank {}", rank);
  return fmt::format("rank {} (host {}, process {})", rank, beat.host.data(), beat.process);
}

bool Heartbeat::is_silent(const Peer& peer) const {
  if (peer.is_gone) return false;
  const double others_s = rank_ > 1 ? 5 : 0;  // one rank says so for all, if it is not lost, too
  constexpr double kUnderWay = 0.5;           // seconds: its last word may still arrive
  if (peer.ended_s > kUnderWay + others_s) return true;
  const double limit = std::max(now_.silence_s, peer.last.silence_s) + others_s;
  return now_.silence_s > 0 && peer.silent_s > limit;
}

double Heartbeat::standing_of(std::size_t rank) const {
  if (is_me(rank)) return standing_s_;
  return peers_[rank].last.busy && !peers_[rank].is_gone ? peers_[rank].last.standing_s : 0;
}

bool Heartbeat::hangs(std::size_t rank) const {
  return rank_ == 0 && now_.hang_s > 0 && standing_of(rank) > now_.hang_s;
}

Heartbeat::Loss Heartbeat::loss() const {
  for (std::size_t rank = 0; rank < peers_.size(); ++rank) {
    const Peer& peer = peers_[rank];
    if (!is_silent(peer)) continue;
    const std::string last = peer.last.what[0] == 0
                                 ? std::string()
                                 : fmt::format("; the last was '{}'", peer.last.what.data());
    if (peer.has_ended)
      return {rank, fmt::format("{} is lost: its process has ended{}", name(rank), last)};
    return {rank, fmt::format("{} is lost: it gave no sign of life since {}{} (run.silence_limit)",
                              name(rank), seconds_ago(peer.silent_s), last)};
  }
  std::size_t longest = 0, count = 0;
  for (std::size_t rank = 0; rank < peers_.size(); ++rank) {
    if (!hangs(rank)) continue;
    if (count++ == 0 || standing_of(rank) > standing_of(longest)) longest = rank;
  }
  if (count == 0) return {};
  const Beat beat = is_me(longest) ? mine() : peers_[longest].last;
  return {longest,
          fmt::format("{} hangs: '{}' stands still since {}{} (run.hang_limit)", name(longest),
                      beat.what.data(), seconds_ago(standing_of(longest)),
                      count > 1 ? fmt::format(", and so do {} ranks more", count - 1) : "")};
}

/// Told by a thread that nobody waits for: a file system that answers no more may be why a rank
/// hangs, and would keep this thread from ending the job.
void Heartbeat::lose(const std::string& why) {
  is_lost_ = saves_ = true;
  std::function<void(const std::string&)> tell;
  {
    const std::lock_guard lock(mutex_);
    tell = tell_;
  }
  std::thread([why, tell, is_told = is_told_] {
    console::end_progress();
    console::write_error(fmt::format(
        "{}. The other ranks save their work, and the job ends; what is finished stays good, and "
        "the same command goes on from here.",
        why));
    if (tell) tell(why);
    *is_told = true;
  }).detach();
  actions_.save_work();
  tell_peers(mine());
}

/// Rank 0 knows of all who still work. The others know of themselves alone, and wait for each other
/// a while.
void Heartbeat::end_when_saved() {
  if (is_over_ || has_ended_job_) return;
  constexpr double kPatience = 20, kTelling = 5;  // seconds
  bool saved = rank_ == 0 || size_ == 2 || since_loss_s_ > kPatience;
  if (!hangs(0)) saved = saved && !activity_.state().has_work;
  for (std::size_t rank = 1; rank < peers_.size(); ++rank) {
    const Peer& peer = peers_[rank];
    if (!peer.is_gone && !is_silent(peer) && !hangs(rank))
      saved = saved && peer.last.saves && !peer.last.has_work;
  }
  saved = saved && (*is_told_ || since_loss_s_ > kTelling);
  if (!saved && since_loss_s_ < now_.grace_s) return;
  has_ended_job_ = true;
  actions_.end_job();
}

}  // namespace factsweep
