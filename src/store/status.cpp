// A look at a results file from outside the job, also while the job writes it.
#include <fmt/format.h>

#include <algorithm>

#include "files.hpp"

namespace factsweep {
namespace {

std::string text_row(const h5::File& file, h5::Where where, std::uint64_t row) {
  const std::string path(where.object);
  const h5::Dataset dataset(
      h5::check(H5Dopen2(file.id(), path.c_str(), H5P_DEFAULT), where, "open"));
  const h5::Type stored(h5::check(H5Dget_type(dataset.id()), where, "ask for the type"));
  const std::size_t length = H5Tget_size(stored.id());
  Array value{DType::text, length, std::vector<std::byte>(length)};
  const std::uint64_t one = 1;
  h5::read(dataset.id(), where, h5::type_of(DType::text, length).id(), {&row, 1}, {&one, 1},
           value.bytes.data());
  return value.as_text().front();
}

std::int64_t count(std::span<const std::uint8_t> rows, Status status) {
  return std::count(rows.begin(), rows.end(), static_cast<std::uint8_t>(status));
}

/// Rows of stages with their cost, seconds and status.
struct StageRows {
  std::vector<std::uint8_t> status;
  std::vector<double> cost, seconds;
  std::vector<std::int32_t> rank;

  StageRows(const h5::File& file, const std::string& name)
      : status(read_column<std::uint8_t>(file, name, "/stages/status")),
        cost(read_column<double>(file, name, "/stages/cost_flop")),
        seconds(read_column<double>(file, name, "/stages/seconds")),
        rank(read_column<std::int32_t>(file, name, "/stages/rank")) {
    if (cost.size() != status.size() || seconds.size() != status.size() ||
        rank.size() != status.size())
      throw InputError(fmt::format("{}: the columns of /stages differ in length.", name));
  }
  bool is(std::size_t stage, Status wanted) const {
    return status[stage] == static_cast<std::uint8_t>(wanted);
  }
  std::vector<std::size_t> all(Status wanted) const {
    std::vector<std::size_t> stages;
    for (std::size_t i = 0; i < status.size(); ++i) {
      if (is(i, wanted)) stages.push_back(i);
    }
    return stages;
  }
};

void count_stages(const StageRows& rows, SweepStatus& result) {
  result.stages = static_cast<std::int64_t>(rows.status.size());
  result.stages_done = count(rows.status, Status::done);
  result.stages_failed = count(rows.status, Status::failed);
  result.stages_running = count(rows.status, Status::running);
  result.stages_blocked = count(rows.status, Status::blocked);
  for (std::size_t i = 0; i < rows.status.size(); ++i) {
    result.cost_total += rows.cost[i];
    if (!rows.is(i, Status::done)) continue;
    result.cost_done += rows.cost[i];
    result.seconds_done += rows.seconds[i];
  }
}

void list_stages(const h5::File& file, const std::string& name, const StageRows& rows,
                 SweepStatus& result) {
  const auto line = [&](std::size_t stage) {
    return StageLine{.title = text_row(file, {name, "/stages/title"}, stage),
                     .rank = rows.rank[stage]};
  };
  std::vector<std::size_t> done = rows.all(Status::done);
  const auto last = done.begin() + static_cast<std::ptrdiff_t>(std::min(done.size(), kShownStages));
  std::partial_sort(done.begin(), last, done.end(), [&](std::size_t a, std::size_t b) {
    return rows.seconds[a] > rows.seconds[b];
  });
  for (const std::size_t stage : std::span(done.begin(), last)) {
    result.slowest.push_back(line(stage));
    result.slowest.back().seconds = rows.seconds[stage];
  }
  for (const std::size_t stage : rows.all(Status::failed)) {
    if (result.failed.size() == kShownStages) break;
    result.failed.push_back(line(stage));
    result.failed.back().reason = text_row(file, {name, "/stages/reason"}, stage);
  }
  // those that the job has told of, then others: it tells every few seconds
  std::vector<std::size_t> running;
  for (const RunningStage& told : result.job ? result.job->progress.running : std::vector<RunningStage>()) {
    if (told.stage >= rows.status.size() || !rows.is(told.stage, Status::running)) continue;
    running.push_back(told.stage);
    result.running.push_back(line(told.stage));
    result.running.back().seconds = told.seconds;
    result.running.back().fraction = told.fraction;
  }
  for (const std::size_t stage : rows.all(Status::running)) {
    if (result.running.size() >= kShownStages) break;
    if (std::find(running.begin(), running.end(), stage) == running.end())
      result.running.push_back(line(stage));
  }
}

/// /points/loss_rose, where the study has it.
std::vector<std::string> points_that_rose(const h5::File& file, const std::string& name) {
  if (H5Lexists(file.id(), "/points/loss_rose", H5P_DEFAULT) <= 0) return {};
  const auto flags = read_column<std::uint8_t>(file, name, "/points/loss_rose");
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] == 1) ids.push_back(text_row(file, {name, "/points/id"}, i));
  }
  return ids;
}

}  // namespace

SweepStatus read_status(const std::filesystem::path& path) {
  const std::lock_guard guard(h5::mutex());
  h5::prepare();
  const std::string name = path.string();
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    const bool begun = std::filesystem::exists(name + ".partial", ignored);
    throw InputError(fmt::format(
        "{}: {}", name, begun ? "is being created; ask again in a moment." : "no such file."));
  }
  const h5::File file = h5::open_serial(path, H5F_ACC_RDONLY);
  const std::string filetype = h5::text_attribute(file.id(), {name}, "filetype");
  if (filetype != "factsweep results") {
    throw InputError(
        fmt::format("{}: is a '{}' file, 'factsweep results' is needed.", name, filetype));
  }
  SweepStatus result;
  result.study = h5::text_attribute(file.id(), {name}, "study");
  result.ranks = static_cast<int>(h5::integer_attribute(file.id(), {name}, "ranks"));
  const auto points = read_column<std::uint8_t>(file, name, "/points/status");
  result.points = static_cast<std::int64_t>(points.size());
  result.points_done = count(points, Status::done);
  result.points_failed = count(points, Status::failed) + count(points, Status::blocked);
  const StageRows rows(file, name);
  count_stages(rows, result);
  result.job = read_job_sign(path);
  list_stages(file, name, rows, result);
  result.worse = points_that_rose(file, name);
  return result;
}

}  // namespace factsweep
