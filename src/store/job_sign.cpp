#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "factsweep/core/provenance.hpp"
#include "factsweep/store/store.hpp"
#include "job_record.hpp"

namespace factsweep {
namespace {

constexpr double kFreshSeconds = 120;  // twelve beats

/// A lock that somebody holds is a job's. One that nobody holds says as much only on the job's own
/// host: locks may end at the node.
bool is_running(int descriptor, const JobRecord& job) {
  if (::flock(descriptor, LOCK_SH | LOCK_NB) == 0) {
    ::flock(descriptor, LOCK_UN);
    if (job.host == host_name()) return false;
  } else if (errno == EWOULDBLOCK) {
    return true;
  }
  return job.ended.empty() && job.age_s() < kFreshSeconds;
}

}  // namespace

std::optional<JobSign> read_job_sign(const std::filesystem::path& results) {
  const int descriptor = ::open((results.string() + ".lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  const std::optional<JobRecord> job = read_job(descriptor);
  std::optional<JobSign> sign;
  if (job)
    sign = {is_running(descriptor, *job), job->ranks, job->holder(), readable_time(job->sign),
            job->age_s(), job->ended, job->progress};
  ::close(descriptor);
  return sign;
}

void leave_word(const std::filesystem::path& results, const std::string& why) {
  const int descriptor = ::open((results.string() + ".lock").c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  write_job_end(descriptor, why);
  ::close(descriptor);
}

}  // namespace factsweep
