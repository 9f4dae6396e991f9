#include "job_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file_writer.hpp"
#include "factsweep/core/provenance.hpp"
#include "job_record.hpp"

namespace factsweep {
namespace {

namespace fs = std::filesystem;
using Seconds = std::chrono::duration<double>;

[[noreturn]] void refuse(const fs::path& path, const std::optional<JobRecord>& holder) {
  throw EnvironmentError(fmt::format(
      "{}: another running job holds this sweep{}. Wait for it or cancel it, or name another "
      "run.output.",
      path.string(), holder ? fmt::format(" ({})", holder->holder()) : ""));
}

/// Whether the name still means the open file: the job that held the lock removes it at its end.
bool is_named(int descriptor, const fs::path& path) {
  struct stat opened = {}, named = {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

enum class Taking { taken, refused, no_locks };

/// The lock of a job that has died may be held for a moment by somebody who looks whether it has.
Taking take_lock(int descriptor, const JobLockTimes& times) {
  for (int left = 10; ::flock(descriptor, LOCK_EX | LOCK_NB) != 0; --left) {
    if (errno != EWOULDBLOCK) return Taking::no_locks;
    const auto holder = read_job(descriptor);
    if (!holder || holder->age_s() < 3 * times.beat_s || left == 0) return Taking::refused;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return Taking::taken;
}

/// Does the job that has left `before` still beat? Its clock need not be ours.
bool still_beats(int descriptor, const JobRecord& before, const JobLockTimes& times) {
  if (!before.ended.empty() || std::abs(before.age_s()) > times.forgotten_s) return false;
  const auto end = std::chrono::steady_clock::now() + Seconds(2.5 * times.beat_s);
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(Seconds(times.beat_s / 20));
    const auto now = read_job(descriptor);
    if (now && now->beats != before.beats) return true;
  }
  return false;
}

}  // namespace

struct JobLock::Held {
  fs::path path;
  int descriptor = -1;
  bool guards = true;
  std::mutex mutex;  // of what follows
  JobRecord record;
  std::condition_variable over;
  bool is_over = false;
  std::thread thread;

  /// With `mutex` held.
  void write_sign() {
    record.sign = utc_now();
    ++record.beats;
    write_job(descriptor, record);
  }
  void beat(double pause_s) {
    thread = std::thread([this, pause_s] {
      std::unique_lock lock(mutex);
      while (!over.wait_for(lock, Seconds(pause_s), [this] { return is_over; })) write_sign();
    });
  }
  ~Held() {
    if (thread.joinable()) {
      {
        const std::lock_guard lock(mutex);
        is_over = true;
      }
      over.notify_all();
      thread.join();
      ::unlink(path.c_str());
    }
    if (descriptor >= 0) ::close(descriptor);
  }
};

JobLock::JobLock(const fs::path& path, int ranks, const JobLockTimes& times) {
  for (;;) {
    auto held = std::make_unique<Held>();
    held->path = path;
    held->descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (held->descriptor < 0) {
      throw EnvironmentError(
          fmt::format("{}: cannot be created: {}", path.string(), explain_failed_write(errno)));
    }
    const Taking taking = take_lock(held->descriptor, times);
    held->guards = taking != Taking::no_locks;
    const auto before = read_job(held->descriptor);
    if (taking == Taking::refused) refuse(path, before);
    const bool is_elsewhere = before && (!held->guards || before->host != host_name());
    if (is_elsewhere && still_beats(held->descriptor, *before, times)) refuse(path, before);
    if (!is_named(held->descriptor, path)) continue;
    if (::ftruncate(held->descriptor, 0) != 0) {
      // an old text is as good as none
    }
    held->record = JobRecord::ours(ranks);
    write_job(held->descriptor, held->record);
    held->beat(times.beat_s);
    held_ = std::move(held);
    return;
  }
}

JobLock::JobLock() = default;
JobLock::JobLock(JobLock&&) noexcept = default;
JobLock& JobLock::operator=(JobLock&&) noexcept = default;
JobLock::~JobLock() = default;

bool JobLock::guards() const {
  return held_ == nullptr || held_->guards;
}

void JobLock::tell(const JobProgress& progress) const {
  if (held_ == nullptr) return;
  const std::lock_guard lock(held_->mutex);
  held_->record.progress = progress;
  held_->write_sign();
}

}  // namespace factsweep
