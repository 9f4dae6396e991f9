// The only place that prints for people. Everything goes to standard error, so that standard output
// stays free for data; ranks other than 0 are silent unless they warn. On a terminal progress is
// one line that is rewritten; in a log file it is a line every 30 seconds at most.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace factsweep::console {

/// Called once after MPI is up; before it, the process speaks as rank 0 of 1.
void set_rank(int rank, int ranks);

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

/// "2h 03m", "4m 10s", "12.3 s".
std::string duration(double seconds);
/// "1.23 GB", "45.6 MB", "789 B" (powers of 1000).
std::string bytes(double size);

}  // namespace factsweep::console
