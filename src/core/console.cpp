#include "factsweep/core/console.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <mutex>

#include "factsweep/core/provenance.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep::console {
namespace {

struct State {
  int rank = 0, ranks = 1;
  bool line_open = false;  // a progress line is on the terminal
  bool dates = false;      // in front of lines that go to no terminal
  std::chrono::steady_clock::time_point last_progress{};
  std::mutex mutex;  // the coordinator thread of rank 0 speaks too
};
State& state() {
  static State instance;
  return instance;
}

/// mpirun gives its ranks pipes, and passes on what comes through them as it comes: where it has a
/// terminal, lines of ranks reach that. -1: it has none, or this is no rank of such a launcher.
int terminal_of_launcher() {
  const std::string launcher = fmt::format("/proc/{}", ::getppid());
  std::string name;
  std::ifstream(launcher + "/comm") >> name;
  if (name != "mpirun" && name != "mpiexec" && name != "orterun" && name != "prterun") return -1;
  const std::string path = launcher + "/fd/2";
  struct stat facts = {};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISCHR(facts.st_mode)) return -1;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor >= 0 && ::isatty(descriptor) == 0) {
    ::close(descriptor);
    return -1;
  }
  return descriptor;
}

/// That shows what goes to standard error; -1: none does.
int terminal() {
  static const int found =
      ::isatty(STDERR_FILENO) != 0 ? STDERR_FILENO : terminal_of_launcher();
  return found;
}
bool on_terminal() {
  return terminal() >= 0;
}

struct Window {
  std::size_t rows = 24, columns = 80;
};
Window window_of(int descriptor) {
  struct winsize size = {};
  Window window;
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0) return window;
  if (size.ws_row > 0) window.rows = size.ws_row;
  if (size.ws_col > 0) window.columns = size.ws_col;
  return window;
}

/// What does not wrap there, by bytes.
std::string_view cut(std::string_view line, const Window& window) {
  return utf8_prefix(line, window.columns - 1);
}

/// Another rank's line may stand where rank 0's progress is.
void close_line(State& s) {
  if (s.line_open || (s.rank != 0 && on_terminal())) std::fputs("\r\033[K", stderr);
  s.line_open = false;
}

std::string date(const State& s) {
  return s.dates && !on_terminal() ? utc_now() + ' ' : std::string();
}

void print(std::string_view prefix, std::string_view line) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  close_line(s);
  const std::string text = fmt::format("{}{}{}\n", date(s), prefix, line);
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

void date_lines() {
  state().dates = true;
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
  const std::string text = on_terminal()
                               ? fmt::format("\r\033[K{}", cut(line, window_of(terminal())))
                               : fmt::format("{}{}\n", date(s), line);
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

bool Screen::is_live() {
  return ::isatty(STDOUT_FILENO) != 0;
}

void Screen::show(std::string_view text) {
  const bool live = is_live();
  const Window window = window_of(STDOUT_FILENO);
  std::string shown;
  if (lines_ > 0) shown = fmt::format("\033[{}A\033[J", lines_);  // up, and clear from there
  for (lines_ = 0; !text.empty();) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!live) {
      shown += fmt::format("{} {}\n", utc_now(), line);
    } else if (lines_ + 1 < window.rows) {  // what has left the window cannot be replaced
      shown += fmt::format("{}\n", cut(line, window));
      ++lines_;
    }
  }
  std::fwrite(shown.data(), 1, shown.size(), stdout);
  std::fflush(stdout);
}

std::string duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole / 60 % 60);
}

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string bytes(double size) {
  if (size < 1e3) return fmt::format("{:.0f} B", size);
  if (size < 1e6) return fmt::format("{:.1f} kB", size / 1e3);
  if (size < 1e9) return fmt::format("{:.1f} MB", size / 1e6);
  if (size < 1e12) return fmt::format("{:.2f} GB", size / 1e9);
  return fmt::format("{:.2f} TB", size / 1e12);
}

}  // namespace factsweep::console
