// The journal's rows, as one rank writes them into the open results file. A row is a few bytes in
// each of several columns, for which HDF5 takes many times as long as the system does: so it is
// asked once where each column lies, and the bytes go there without it.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "factsweep/store/store.hpp"
#include "h5.hpp"

namespace factsweep {

class JournalRows {
 public:
  /// `file`: the results file, open, whose path is `name`. EnvironmentError.
  JournalRows(const h5::File& file, const std::string& name);
  ~JournalRows();
  JournalRows(const JournalRows&) = delete;
  JournalRows& operator=(const JournalRows&) = delete;

  /// The rows of a stage and of the points whose leaf it is, of each the status byte last.
  /// EnvironmentError, also where the file is not there any more.
  void write(std::size_t stage, std::span<const std::uint64_t> points, const StageRecord& record);
  void write_peak_bytes(std::size_t stage, double bytes);

 private:
  struct Column {
    std::string path;
    std::uint64_t begin = 0;  // in the file, bytes
    std::size_t width = 0;    // of an element, bytes
  };
  struct Group {
    Column seconds, rank, reason, status;
  };
  struct Begun {
    std::size_t stage = 0;
    int rank = 0;
  };

  Column column(const h5::File& file, const std::string& path, std::size_t width) const;
  Group group(const h5::File& file, const std::string& path) const;
  void require_there() const;
  void put(const Column& column, std::uint64_t row, const void* value) const;
  void put(const Group& group, std::uint64_t row, const StageRecord& record, bool is_begun) const;
  void put_status(const Group& group, std::uint64_t row, Status status) const;

  const std::string name_;
  const int descriptor_;
  struct stat identity_ = {};  // of the file as it was opened
  const Group stages_, points_;
  const Column checksum_, weights_checksum_, peak_bytes_;
  std::optional<Begun> begun_;  // the last row that was written, when it says that the stage runs
};

}  // namespace factsweep
