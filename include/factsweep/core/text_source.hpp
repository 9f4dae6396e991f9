// Where read_file() takes its texts from, when not from the files themselves.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace factsweep {

/// While it lives, read_file(path) of the thread that made it is `source(path, read)`, where `read`
/// reads the file. One at a time.
class TextSource {
 public:
  using Read = std::function<std::string()>;
  using Source = std::function<std::string(const std::filesystem::path& path, const Read& read)>;

  explicit TextSource(Source source);
  ~TextSource();
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;

  /// The one of this thread; none: null.
  static const TextSource* current();
  std::string text(const std::filesystem::path& path, const Read& read) const;

 private:
  Source source_;
};

}  // namespace factsweep
