#include "journal_rows.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "factsweep/core/error.hpp"
#include "files.hpp"

namespace factsweep {

JournalRows::JournalRows(const h5::File& file, const std::string& name)
    : name_(name),
      descriptor_(::open(name.c_str(), O_WRONLY | O_CLOEXEC)),
      stages_(group(file, "/stages")),
      points_(group(file, "/points")),
      checksum_(column(file, "/stages/checksum", sizeof(std::int64_t))),
      weights_checksum_(column(file, "/stages/weights_checksum", sizeof(std::int64_t))),
      peak_bytes_(column(file, "/stages/peak_bytes", sizeof(double))) {
  if (descriptor_ < 0 || ::fstat(descriptor_, &identity_) != 0)
    throw EnvironmentError(
        fmt::format("{}: cannot be opened for writing: {}.", name_, std::strerror(errno)));
}

JournalRows::~JournalRows() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

JournalRows::Column JournalRows::column(const h5::File& file, const std::string& path,
                                        std::size_t width) const {
  return {path, h5::begin_of(file, {name_, path}), width};
}

JournalRows::Group JournalRows::group(const h5::File& file, const std::string& path) const {
  return {column(file, path + "/seconds", sizeof(double)),
          column(file, path + "/rank", sizeof(std::int32_t)),
          column(file, path + "/reason", kReasonBytes), column(file, path + "/status", 1)};
}

/// Writes to a file that somebody has removed or replaced go through, and are lost.
void JournalRows::require_there() const {
  struct stat now = {};
  if (::stat(name_.c_str(), &now) == 0 && now.st_ino == identity_.st_ino &&
      now.st_dev == identity_.st_dev)
    return;
  throw EnvironmentError(fmt::format(
      "{}: is not there any more, or another file has its name: it was removed, or its folder or "
      "disk is gone. Bring it back and start again; without it the sweep begins anew.",
      name_));
}

/// One element.
void JournalRows::put(const Column& column, std::uint64_t row, const void* value) const {
  const auto* rest = static_cast<const char*>(value);
  auto at = static_cast<off_t>(column.begin + row * column.width);
  for (std::size_t left = column.width; left > 0;) {
    const ssize_t written = ::pwrite(descriptor_, rest, left, at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      throw EnvironmentError(fmt::format("{}:{}: cannot write: {}", name_, column.path,
                                         explain_failed_write(written < 0 ? errno : 0)));
    }
    rest += written;
    at += written;
    left -= static_cast<std::size_t>(written);
  }
}

void JournalRows::put(const Group& group, std::uint64_t row, const StageRecord& record,
                      bool is_begun) const {
  put(group.seconds, row, &record.seconds);
  if (is_begun) return;
  const auto rank = static_cast<std::int32_t>(record.rank);
  put(group.rank, row, &rank);
  put(group.reason, row, Array::of_text({&record.reason, 1}, kReasonBytes).bytes.data());
}

void JournalRows::put_status(const Group& group, std::uint64_t row, Status status) const {
  const auto byte = static_cast<std::uint8_t>(status);
  put(group.status, row, &byte);  // last: whoever reads it finds the rest in place
}

void JournalRows::write(std::size_t stage, std::span<const std::uint64_t> points,
                        const StageRecord& record) {
  require_there();
  // the rank and the empty reason are there since the begin
  const bool is_begun =
      begun_ && begun_->stage == stage && begun_->rank == record.rank && record.reason.empty();
  begun_.reset();
  for (const std::uint64_t point : points) {
    put(points_, point, record, is_begun);
    put_status(points_, point, record.status);
  }
  put(stages_, stage, record, is_begun);
  if (record.status == Status::done) {
    const std::int64_t results = sealed(stage, record.sums.results),
                       weights = sealed(stage, record.sums.weights);
    put(checksum_, stage, &results);
    if (record.sums.weights != 0) put(weights_checksum_, stage, &weights);
  }
  put_status(stages_, stage, record.status);
  if (record.status == Status::running && record.reason.empty()) begun_ = {stage, record.rank};
}

void JournalRows::write_peak_bytes(std::size_t stage, double bytes) {
  put(peak_bytes_, stage, &bytes);
}

}  // namespace factsweep
