#include "factsweep/core/console.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <mutex>

namespace factsweep::console {
namespace {

struct State {
  int rank = 0, ranks = 1;
  bool line_open = false;  // a progress line is on the terminal
  std::chrono::steady_clock::time_point last_progress{};
  std::mutex mutex;  // the coordinator thread of rank 0 speaks too
};
State& state() {
  static State instance;
  return instance;
}

bool on_terminal() {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  return terminal;
}

void close_line(State& s) {
  if (s.line_open) std::fputs("\r\033[K", stderr);
  s.line_open = false;
}

void print(std::string_view prefix, std::string_view line) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  close_line(s);
  const std::string text = fmt::format("{}{}\n", prefix, line);
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

std::string speaker() {
  const State& s = state();
  return s.ranks == 1 ? "" : fmt::format("[rank {} of {}] ", s.rank, s.ranks);
}

}  // namespace

void set_rank(int rank, int ranks) {
  state().rank = rank;
  state().ranks = ranks;
}

void write_info(std::string_view line) {
  if (state().rank == 0) print("", line);
}
void write_line_of_rank(std::string_view line) {
  print(speaker(), line);
}
void write_warning(std::string_view line) {
  print(state().rank == 0 ? "warning: " : speaker() + "warning: ", line);
}
void write_error(std::string_view line) {
  print(state().rank == 0 ? "error: " : speaker() + "error: ", line);
}

void progress(std::string_view line) {
  State& s = state();
  if (s.rank != 0) return;
  const std::lock_guard lock(s.mutex);
  const auto now = std::chrono::steady_clock::now();
  const auto pause = on_terminal() ? std::chrono::milliseconds(200) : std::chrono::seconds(30);
  if (now - s.last_progress < pause) return;
  s.last_progress = now;
  const std::string text =
      on_terminal() ? fmt::format("\r\033[K{}", line) : fmt::format("{}\n", line);
  s.line_open = on_terminal();
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void end_progress() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  close_line(s);
  std::fflush(stderr);
}

std::string duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole / 60 % 60);
}

std::string bytes(double size) {
  if (size < 1e3) return fmt::format("{:.0f} B", size);
  if (size < 1e6) return fmt::format("{:.1f} kB", size / 1e3);
  if (size < 1e9) return fmt::format("{:.1f} MB", size / 1e6);
  if (size < 1e12) return fmt::format("{:.2f} GB", size / 1e9);
  return fmt::format("{:.2f} TB", size / 1e12);
}

}  // namespace factsweep::console
