// `factsweep status`: how far a sweep is; works while the job runs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/store/store.hpp"
#include "results_table.hpp"

namespace factsweep::cli {
namespace {

constexpr std::chrono::seconds kFollowPause{5};

bool is_over(const SweepStatus& s) {
  return s.stages_done + s.stages_failed + s.stages_blocked == s.stages;
}

std::string say(const JobSign& job, std::int64_t running) {
  if (job.is_running) {
    return fmt::format("running on {} rank{} ({}); last sign of life {} ago", job.ranks,
                       job.ranks == 1 ? "" : "s", job.holder,
                       console::duration(std::max(job.age_s, 0.0)));
  }
  const std::string then =
      running == 0 ? "no stage was running then"
                   : fmt::format("{} stage{} then", running, running == 1 ? " was running" : "s were running");
  std::string line = fmt::format("no job is running; last sign of life {} ({}), {}", job.last_sign,
                                 job.holder, then);
  if (!job.ended.empty()) line += fmt::format("; it ended as {}", job.ended);
  return line;
}

void print(const SweepStatus& s, const std::optional<JobSign>& job) {
  const double share = s.cost_total > 0 ? s.cost_done / s.cost_total : 1;
  fmt::print(
      "{}: {} of {} points done, {} failed; {} of {} stages done, {} running, {} failed, {} "
      "blocked; {:.1f}% of the work\n",
      s.study, s.points_done, s.points, s.points_failed, s.stages_done, s.stages, s.stages_running,
      s.stages_failed, s.stages_blocked, 100 * share);
  if (s.cost_done > 0 && !is_over(s)) {
    const int ranks = std::max(1, job && job->is_running ? job->ranks : s.ranks);
    const double left =
        s.seconds_done * (s.cost_total - s.cost_done) / s.cost_done / ranks;
    fmt::print("about {} to go on {} ranks\n", console::duration(left), ranks);
  }
  if (job)
    fmt::print("{}\n", say(*job, s.stages_running));
  else if (!is_over(s))
    fmt::print("no job is running\n");
  for (const std::string& failure : s.failures) fmt::print("failed: {}\n", failure);
  if (!s.worse.empty()) fmt::print("{}\n", words_of_worse(s.worse));
  std::fflush(stdout);
}

}  // namespace

ExitCode status(const Words& words) {
  std::string path;
  bool follow = false;
  for (const std::string& word : words) {
    if (word == "--follow")
      follow = true;
    else if (word.starts_with("--") || !path.empty())
      throw InputError(fmt::format(
          "command line: '{}' is not understood. Usage: factsweep status FILE [--follow]", word));
    else
      path = word;
  }
  if (path.empty())
    throw InputError(
        "command line: a results file is missing. Usage: factsweep status FILE [--follow]");
  SweepStatus now = read_status(path);
  print(now, read_job_sign(path));
  while (follow && !is_over(now)) {
    std::this_thread::sleep_for(kFollowPause);
    now = read_status(path);
    print(now, read_job_sign(path));
  }
  return now.points_failed + now.stages_failed > 0 ? ExitCode::points_failed : ExitCode::done;
}

}  // namespace factsweep::cli
