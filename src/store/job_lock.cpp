#include "job_lock.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file_writer.hpp"

namespace factsweep {
namespace {

namespace fs = std::filesystem;

/// "host node7, process 4711, Slurm job 99, since 2026-11-29 12:51:09 UTC"
std::string who_we_are() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '?';
  const char* job = std::getenv("SLURM_JOB_ID");
  return fmt::format("host {}, process {}{}, since {:%Y-%m-%d %H:%M:%S} UTC", host.data(),
                     ::getpid(), job == nullptr ? "" : fmt::format(", Slurm job {}", job),
                     fmt::gmtime(std::time(nullptr)));
}

std::string read_holder(int descriptor) {
  std::array<char, 512> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
  return size > 0 ? fmt::format(" ({})", text.data()) : "";
}

/// Whether the name still means the open file: the job that held the lock removes it at its end.
bool is_named(int descriptor, const fs::path& path) {
  struct stat opened = {}, named = {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

JobLock::JobLock(const fs::path& path) : path_(path) {
  for (;;) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      throw EnvironmentError(
          fmt::format("{}: cannot be created: {}", path.string(), explain_failed_write(errno)));
    }
    guards_ = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    if (!guards_ && errno == EWOULDBLOCK) {
      const std::string holder = read_holder(descriptor_);
      ::close(std::exchange(descriptor_, -1));
      throw EnvironmentError(fmt::format(
          "{}: another running job holds this sweep{}. Wait for it or cancel it, or name another "
          "run.output.",
          path.string(), holder));
    }
    if (!guards_ || is_named(descriptor_, path)) break;
    ::close(std::exchange(descriptor_, -1));
  }
  const std::string holder = who_we_are();
  // whether the text is there decides nothing
  if (::ftruncate(descriptor_, 0) != 0 ||
      ::pwrite(descriptor_, holder.data(), holder.size(), 0) < 0)
    return;
}

JobLock::~JobLock() {
  if (descriptor_ < 0) return;
  ::unlink(path_.c_str());
  ::close(descriptor_);
}

}  // namespace factsweep
