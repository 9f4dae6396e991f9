#include "job_record.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "factsweep/core/provenance.hpp"

namespace factsweep {
namespace {

constexpr std::size_t kLineBytes = 1024;  // of each of the two

std::string padded(const nlohmann::json& value) {
  std::string line = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  line.resize(kLineBytes - 1, ' ');
  return line + '\n';
}

nlohmann::json read_line(int descriptor, std::size_t line) {
  std::string text(kLineBytes, ' ');
  const ssize_t size =
      ::pread(descriptor, text.data(), kLineBytes, static_cast<off_t>(line * kLineBytes));
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return nlohmann::json::parse(text, nullptr, false);
}

}  // namespace

std::string readable_time(std::string utc) {
  if (utc.size() == 20) utc = utc.substr(0, 10) + ' ' + utc.substr(11, 8) + " UTC";
  return utc;
}

JobRecord JobRecord::ours(int ranks) {
  JobRecord record;
  record.host = host_name();
  record.process = ::getpid();
  if (const char* job = std::getenv("SLURM_JOB_ID")) record.job = job;
  record.ranks = ranks;
  record.since = record.sign = utc_now();
  return record;
}

std::string JobRecord::holder() const {
  return fmt::format("host {}, process {}{}, since {}", host, process,
                     job.empty() ? "" : fmt::format(", Slurm job {}", job), readable_time(since));
}

double JobRecord::age_s() const {
  std::tm parts{};
  if (::strptime(sign.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) == nullptr) return 1e9;
  return std::difftime(std::time(nullptr), ::timegm(&parts));
}

void write_job(int descriptor, const JobRecord& record) {
  nlohmann::json running = nlohmann::json::array();  // in whole seconds and thousandths, as room is short
  for (const RunningStage& one : record.progress.running)
    running.push_back({one.stage, std::llround(one.seconds), std::llround(1000 * one.fraction)});
  const std::optional<double>& seconds = record.progress.seconds_left;
  const nlohmann::json left = seconds ? nlohmann::json(std::llround(*seconds)) : nlohmann::json();
  const std::string line = padded({{"host", record.host},
                                   {"process", record.process},
                                   {"job", record.job},
                                   {"ranks", record.ranks},
                                   {"since", record.since},
                                   {"sign", record.sign},
                                   {"beats", record.beats},
                                   {"share", record.progress.share},
                                   {"left", left},
                                   {"running", running}});
  if (::pwrite(descriptor, line.data(), line.size(), 0) < 0) return;
}

void write_job_end(int descriptor, const std::string& why) {
  const std::string line = padded({{"ended", why.substr(0, kLineBytes / 2)}});
  if (::pwrite(descriptor, line.data(), line.size(), kLineBytes) < 0) return;
}

std::optional<JobRecord> read_job(int descriptor) {
  const nlohmann::json job = read_line(descriptor, 0), end = read_line(descriptor, 1);
  JobRecord record;
  try {
    record.host = job.at("host");
    record.process = job.at("process");
    record.job = job.at("job");
    record.ranks = job.at("ranks");
    record.since = job.at("since");
    record.sign = job.at("sign");
    record.beats = job.at("beats");
    for (const nlohmann::json& one : job.value("running", nlohmann::json::array()))
      record.progress.running.push_back({one.at(0), one.at(1), one.at(2).get<double>() / 1000});
    record.progress.share = job.value("share", 0.0);
    if (const auto left = job.find("left"); left != job.end() && left->is_number())
      record.progress.seconds_left = left->get<double>();
    if (end.is_object()) record.ended = end.at("ended");
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return record;
}

}  // namespace factsweep
