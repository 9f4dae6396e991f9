#include "factsweep/core/file_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "factsweep/core/error.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLargestWrite = std::size_t{1} << 30;  // Linux writes no more at once

}  // namespace

FileWriter::FileWriter(const fs::path& path)
    : path_(path),
      partial_(path.string() + ".partial"),
      descriptor_(::open(partial_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail("create the file");
}

FileWriter::~FileWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!done_) ::unlink(partial_.c_str());
}

void FileWriter::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write the file");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void FileWriter::finish() {
  if (::fsync(descriptor_) != 0) fail("finish the file");
  if (::close(std::exchange(descriptor_, -1)) != 0) fail("finish the file");
  if (::rename(partial_.c_str(), path_.c_str()) != 0) fail("rename the finished file");
  done_ = true;
}

void FileWriter::fail(const char* what) const {
  throw EnvironmentError(
      fmt::format("{}: cannot {}: {}", path_.string(), what, explain_failed_write(errno)));
}

}  // namespace factsweep
