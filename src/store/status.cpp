// A look at a results file from outside the job, also while the job writes it.
#include <fmt/format.h>

#include <algorithm>

#include "factsweep/store/store.hpp"
#include "h5.hpp"
#include "layout.hpp"

namespace factsweep {
namespace {

constexpr std::size_t kShownFailures = 1000;

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

void count_stages(const h5::File& file, const std::string& name, SweepStatus& result) {
  const Array status_column = h5::read_all(file, {name, "/stages/status"}, DType::uint8);
  const Array cost_column = h5::read_all(file, {name, "/stages/cost_flop"}, DType::float64);
  const Array seconds_column = h5::read_all(file, {name, "/stages/seconds"}, DType::float64);
  const auto status = status_column.as<std::uint8_t>();
  const auto cost = cost_column.as<double>();
  const auto seconds = seconds_column.as<double>();
  if (cost.size() != status.size() || seconds.size() != status.size()) {
    throw InputError(fmt::format("{}: the columns of /stages differ in length.", name));
  }
  result.stages = static_cast<std::int64_t>(status.size());
  result.stages_done = count(status, Status::done);
  result.stages_failed = count(status, Status::failed);
  result.stages_running = count(status, Status::running);
  result.stages_blocked = count(status, Status::blocked);
  for (std::size_t i = 0; i < status.size(); ++i) {
    result.cost_total += cost[i];
    if (status[i] == static_cast<std::uint8_t>(Status::done)) {
      result.cost_done += cost[i];
      result.seconds_done += seconds[i];
    }
    if (status[i] == static_cast<std::uint8_t>(Status::failed) &&
        result.failures.size() < kShownFailures) {
      result.failures.push_back(text_row(file, {name, "/stages/title"}, i) + ": " +
                                text_row(file, {name, "/stages/reason"}, i));
    }
  }
}

/// /points/loss_rose, where the study has it.
std::vector<std::string> points_that_rose(const h5::File& file, const std::string& name) {
  if (H5Lexists(file.id(), "/points/loss_rose", H5P_DEFAULT) <= 0) return {};
  const Array rose = h5::read_all(file, {name, "/points/loss_rose"}, DType::uint8);
  const auto flags = rose.as<std::uint8_t>();
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
  const Array points_column = h5::read_all(file, {name, "/points/status"}, DType::uint8);
  const auto points = points_column.as<std::uint8_t>();
  result.points = static_cast<std::int64_t>(points.size());
  result.points_done = count(points, Status::done);
  result.points_failed = count(points, Status::failed) + count(points, Status::blocked);
  count_stages(file, name, result);
  result.worse = points_that_rose(file, name);
  return result;
}

}  // namespace factsweep
