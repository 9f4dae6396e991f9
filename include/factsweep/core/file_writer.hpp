// A file that is whole or absent, written piece by piece.
#pragma once

#include <filesystem>
#include <string_view>

namespace factsweep {

/// Writes beside `path` under a temporary name; finish() syncs and renames. Destroyed before that,
/// it leaves nothing behind. Every member but the destructor: EnvironmentError with the system's
/// reason (no space, no permission), naming `path`.
class FileWriter {
 public:
  explicit FileWriter(const std::filesystem::path& path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void append(std::string_view bytes);
  void finish();

 private:
  [[noreturn]] void fail(const char* what) const;

  const std::filesystem::path path_, partial_;
  int descriptor_;
  bool done_ = false;
};

}  // namespace factsweep
