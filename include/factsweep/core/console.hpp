// The only place that prints for people. Everything goes to standard error, so that standard output
// stays free for data; ranks other than 0 are silent unless they warn. On a terminal, where mpirun
// passes lines on to one, too, progress is one line that is rewritten; in a log file it is a line
// every 30 seconds at most.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace factsweep::console {

/// Called once after MPI is up; before it, the process speaks as rank 0 of 1.
void set_rank(int rank, int ranks);

/// From now on each line that goes to no terminal begins with the time (UTC): the log of a job.
void date_lines();

void write_info(std::string_view line);
/// From any rank, with its number in front.
void write_line_of_rank(std::string_view line);
void write_warning(std::string_view line);
void write_error(std::string_view line);

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write_info(fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write_warning(fmt::format(format, std::forward<Args>(args)...));
}

/// Replaces the progress line (terminal), or prints it when 30 s have passed since the last (log
/// file).
void progress(std::string_view line);
void end_progress();

/// What a command shows again and again on standard output. On a terminal each text replaces the one
/// before, cut to the window; elsewhere it follows, each line with the time in front.
class Screen {
 public:
  /// Whether standard output is a terminal.
  static bool is_live();
  /// `text`: whole lines.
  void show(std::string_view text);

 private:
  std::size_t lines_ = 0;  // of what is on the terminal
};

/// "2h 03m", "4m 10s", "12.3 s".
std::string duration(double seconds);
/// "1 rank", "2 ranks": of a noun whose plural ends in s alone.
std::string counted(std::int64_t count, std::string_view noun);
/// "1.23 GB", "45.6 MB", "789 B" (powers of 1000).
std::string bytes(double size);

}  // namespace factsweep::console
