// `factsweep status`: how far a sweep is; works while the job runs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/store/store.hpp"
#include "flags.hpp"
#include "results_table.hpp"

namespace factsweep::cli {
namespace po = boost::program_options;
namespace {

constexpr std::chrono::seconds kFollowPause{2}, kLogPause{30};

bool is_over(const SweepStatus& s) {
  return s.stages_done + s.stages_failed + s.stages_blocked == s.stages;
}

std::string say(const JobSign& job, std::int64_t running) {
  if (job.is_running) {
    return fmt::format("running on {} ({}); last sign of life {} ago",
                       console::counted(job.ranks, "rank"), job.holder,
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

std::string summary(const SweepStatus& s) {
  // a job that runs counts what its stages have done so far, too
  const JobProgress* told = s.job && s.job->is_running && !is_over(s) ? &s.job->progress : nullptr;
  const double of_stages = s.cost_total > 0 ? s.cost_done / s.cost_total : 1;
  const double share = told != nullptr ? std::max(told->share, of_stages) : of_stages;
  std::string text = fmt::format(
      "{}: {} of {} points done, {} failed; {} of {} stages done, {} running, {} failed, {} "
      "blocked; {:.1f}% of the work\n",
      s.study, s.points_done, s.points, s.points_failed, s.stages_done, s.stages, s.stages_running,
      s.stages_failed, s.stages_blocked, 100 * share);
  if (s.cost_done > 0 && !is_over(s)) {
    const int ranks = std::max(1, s.job && s.job->is_running ? s.job->ranks : s.ranks);
    const double by_stages =
        s.seconds_done * (s.cost_total - s.cost_done) / s.cost_done / ranks;
    const double left = told != nullptr ? told->seconds_left.value_or(by_stages) : by_stages;
    text += fmt::format("about {} to go on {}\n", console::duration(left),
                        console::counted(ranks, "rank"));
  }
  if (s.job)
    text += say(*s.job, s.stages_running) + "\n";
  else if (!is_over(s))
    text += "no job is running\n";
  return text;
}

std::string more(std::int64_t all, std::size_t shown) {
  const std::int64_t rest = all - static_cast<std::int64_t>(shown);
  return rest > 0 ? fmt::format("  and {} more\n", rest) : "";
}

std::string failures(const SweepStatus& s) {
  std::string text;
  for (const StageLine& one : s.failed)
    text += fmt::format("failed: {}: {}\n", one.title, one.reason);
  return text + more(s.stages_failed, s.failed.size());
}

/// "   45%     4m 10s  rank 2     train unknown_ratio-0.5-s1"
std::string line_of(const StageLine& one) {
  return fmt::format("  {:>4} {:>10}  {:<9}  {}{}\n",
                     one.fraction ? fmt::format("{:.0f}%", 100 * *one.fraction) : "",
                     one.seconds ? console::duration(*one.seconds) : "",
                     one.rank >= 0 ? fmt::format("rank {}", one.rank) : "", excerpt(one.title),
                     one.reason.empty() ? "" : ": " + one.reason);
}

std::string stage_lists(const SweepStatus& s) {
  std::string text;
  const auto list = [&](const char* which, std::int64_t all, const std::vector<StageLine>& shown) {
    if (all == 0) return;
    text += fmt::format("{} {}:\n", all, which);
    for (const StageLine& one : shown) text += line_of(one);
    text += more(all, shown.size());
  };
  list("running", s.stages_running, s.running);
  text += fmt::format("{} waiting\n", s.stages - s.stages_done - s.stages_failed -
                                          s.stages_running - s.stages_blocked);
  if (s.stages_blocked > 0)
    text += fmt::format("{} blocked, as a stage that they need failed\n", s.stages_blocked);
  list("failed", s.stages_failed, s.failed);
  list("done, the slowest", s.stages_done, s.slowest);  // last: a small window cuts it
  return text;
}

std::string text_of(const SweepStatus& s, bool with_stages) {
  return summary(s) + (with_stages ? stage_lists(s) : failures(s)) +
         (s.worse.empty() ? "" : words_of_worse(s.worse) + "\n");
}

/// Until nothing is left to do.
SweepStatus follow(const std::string& path, bool with_stages) {
  console::Screen screen;
  auto shown = std::chrono::steady_clock::time_point::min();
  for (;;) {
    const SweepStatus now = read_status(path);
    const auto time = std::chrono::steady_clock::now();
    if (console::Screen::is_live() || is_over(now) || shown + kLogPause <= time) {
      screen.show(text_of(now, with_stages));
      shown = time;
    }
    if (is_over(now)) return now;
    std::this_thread::sleep_for(kFollowPause);
  }
}

}  // namespace

ExitCode status(const Words& words) {
  std::string path;
  bool follows = false, with_stages = false;
  po::options_description options;
  options.add_options()("file", po::value(&path)->required(),
                        "results file; may stand without --file")(
      "follow", po::bool_switch(&follows),
      "shows it until nothing is left to do: in place on a terminal, else as lines with the time")(
      "stages", po::bool_switch(&with_stages),
      "the stages that run, how far they are and where; the slowest; the failed and why; at most "
      "ten of each");
  po::variables_map flags;
  if (!parse_flags("factsweep status FILE [--follow] [--stages]: how far a sweep is", options,
                   words, flags))
    return ExitCode::done;
  const SweepStatus now = follows ? follow(path, with_stages) : read_status(path);
  if (!follows) fmt::print("{}", text_of(now, with_stages));
  return now.points_failed + now.stages_failed > 0 ? ExitCode::points_failed : ExitCode::done;
}

}  // namespace factsweep::cli
