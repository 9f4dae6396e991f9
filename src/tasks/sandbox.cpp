#include "factsweep/tasks/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "confinement.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestReason = 300, kLongestVerdict = 1 << 14;
constexpr double kStartSeconds = 60;  // to find the interpreter, on a cold file system
constexpr std::string_view kConfined = "confined";  // what the prelude says before the program

[[noreturn]] void fail(std::string_view what) {
  throw EnvironmentError(
      fmt::format("generated code cannot be run: {}: {}.", what, std::strerror(errno)));
}

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

struct Pipe {
  Descriptor read, write;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("no pipe");
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

class EmptyFolder {
 public:
  EmptyFolder() : path_((fs::temp_directory_path() / "factsweep-code-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) fail("no folder in " + path_);
  }
  ~EmptyFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  EmptyFolder(const EmptyFolder&) = delete;
  EmptyFolder& operator=(const EmptyFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A file without a name that holds `text`: as standard input it blocks nobody, however long.
Descriptor input_of(std::string_view text) {
  Descriptor file(::memfd_create("factsweep-code", MFD_CLOEXEC));
  if (!file.is_open()) fail("no memory file");
  while (!text.empty()) {
    const ssize_t count = ::write(file.number(), text.data(), text.size());
    if (count < 0 && errno != EINTR) fail("the memory file cannot be written");
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

/// posix_spawn: neither copies this process's page tables nor runs fork handlers, which MPI and its
/// registered memory would not survive. The child leads a session of its own, with all signals as
/// a fresh process has them.
pid_t spawn(const std::vector<std::string>& words, char* const* environment, int input, int output,
            int verdict) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, input, 0);
  posix_spawn_file_actions_adddup2(&files, output, 1);
  posix_spawn_file_actions_adddup2(&files, output, 2);
  posix_spawn_file_actions_adddup2(&files, verdict, 3);
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t child = -1;
  const int error =
      ::posix_spawnp(&child, arguments.front(), &files, &attributes, arguments.data(), environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  errno = error;
  if (error != 0) fail(words.front() + " cannot be started");
  return child;
}

/// Appends what has arrived, up to `most` bytes; the rest is dropped. Closes `from` at its end.
void drain(Descriptor& from, std::string& to, std::size_t most) {
  std::array<char, 1 << 14> buffer;
  const ssize_t count = ::read(from.number(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count <= 0) return from.close();
  to.append(buffer.data(), std::min(static_cast<std::size_t>(count), most - to.size()));
}

/// What follows `word` and `what` on a line of `text`; nothing: there is no such line.
std::optional<std::string> said(std::string_view text, const std::string& word,
                                std::string_view what) {
  const std::string key = fmt::format("{} {}", word, what);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (line.starts_with(key))
      return std::string(line.substr(std::min(key.size() + 1, line.size())));
    begin = end + 1;
  }
  return std::nullopt;
}

/// What a child is given.
struct Allowance {
  std::size_t output_bytes = 0;
  std::string word;         // of its verdict; empty: it will not say that it is confined
  double wall_seconds = 0;  // from when it has said so
};

struct Ended {
  bool timed_out = false;
  int status = 0;  // as of waitpid
  std::string output, verdict;
};

Clock::time_point in_seconds(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

/// Reads until the child has ended or its time is over; nothing of its session is left then. Until
/// it is confined it has the time to start, which is none of the program's.
Ended follow(pid_t child, Descriptor output, Descriptor verdict, const Allowance& allowance) {
  auto deadline = in_seconds(kStartSeconds);
  bool starting = !allowance.word.empty();
  Ended ended;
  for (;;) {
    siginfo_t state{};
    const bool gone =
        ::waitid(P_PID, static_cast<id_t>(child), &state, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        state.si_pid == child;
    std::array<pollfd, 2> wanted = {pollfd{output.number(), POLLIN, 0},
                                    pollfd{verdict.number(), POLLIN, 0}};
    // -1 as a descriptor is skipped; a child that closed both is looked after every 10 ms
    ::poll(wanted.data(), wanted.size(), gone ? 0 : 10);
    if (wanted[0].revents != 0) drain(output, ended.output, allowance.output_bytes);
    if (wanted[1].revents != 0) drain(verdict, ended.verdict, kLongestVerdict);
    if (starting && said(ended.verdict, allowance.word, kConfined)) {
      starting = false;
      deadline = in_seconds(allowance.wall_seconds);
    }
    if (gone && wanted[0].revents == 0 && wanted[1].revents == 0) break;
    if (!gone && Clock::now() > deadline) {
      ended.timed_out = true;
      break;
    }
    if (gone && Clock::now() > deadline) break;
  }
  ::kill(-child, SIGKILL);
  while (::waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
  }
  return ended;
}

/// The interpreter behind the first python3 on PATH: that one may be a script which needs the
/// environment.
const std::string& python() {
  static const std::string path = [] {
    Pipe output, verdict;
    const pid_t child =
        spawn({"python3", "-I", "-S", "-c", "import sys; print(sys.executable)"}, environ,
              input_of("").number(), output.write.number(), verdict.write.number());
    output.write.close();
    verdict.write.close();
    Ended ended = follow(child, std::move(output.read), std::move(verdict.read),
                         {.output_bytes = 4096, .word = "", .wall_seconds = 0});
    ended.output.resize(std::min(ended.output.find('\n'), ended.output.size()));
    if (ended.status != 0 || !fs::exists(ended.output))
      throw EnvironmentError(fmt::format(
          "generated code cannot be run: python3 on PATH does not start ({}).", ended.output));
    return ended.output;
  }();
  return path;
}

std::string random_word() {
  std::array<std::uint64_t, 2> bits{};
  if (::getrandom(bits.data(), sizeof bits, 0) != sizeof bits) fail("no random numbers");
  return hex(bits[0]) + hex(bits[1]);
}

/// By a signal that a limit or the filter sends.
bool was_stopped(int status) {
  if (!WIFSIGNALED(status)) return false;
  const int signal = WTERMSIG(status);
  return signal == SIGXCPU || signal == SIGKILL || signal == SIGSYS || signal == SIGXFSZ;
}

std::string why_ended(int status, std::int64_t cpu_seconds) {
  if (!WIFSIGNALED(status))
    return fmt::format("ended by itself (exit code {}) before its tests had passed",
                       WEXITSTATUS(status));
  if (WTERMSIG(status) == SIGXCPU) return fmt::format("CPU time limit of {} s", cpu_seconds);
  return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
}

/// EnvironmentError unless the program was run.
void require_confined(const Ended& ended, const std::string& word, const std::string& interpreter,
                      std::int64_t cpu_seconds) {
  if (said(ended.verdict, word, kConfined)) return;
  if (ended.timed_out)
    throw EnvironmentError(
        fmt::format("generated code was not run, as {} had not confined itself after {} s: {}",
                    interpreter, kStartSeconds, ended.output));
  throw EnvironmentError(
      fmt::format("generated code was not run, as this machine cannot confine it ({} with {}): {}",
                  interpreter, why_ended(ended.status, cpu_seconds), ended.output));
}

SandboxResult judged(const Ended& ended, const std::string& word, const SandboxLimits& limits,
                     std::int64_t cpu_seconds) {
  SandboxResult result{.output = ended.output};
  result.own_namespaces = said(ended.verdict, word, kConfined) == "own";
  result.passed = said(ended.verdict, word, "passed").has_value();
  if (result.passed) return result;
  const auto failed = said(ended.verdict, word, "failed");
  const auto denied = said(ended.verdict, word, "stopped");
  result.stopped = denied || (!failed && (ended.timed_out || was_stopped(ended.status)));
  result.reason = failed            ? *failed
                  : denied          ? *denied
                  : ended.timed_out ? fmt::format("wall clock limit of {} s", limits.wall_seconds)
                                    : why_ended(ended.status, cpu_seconds);
  result.reason = utf8_prefix(result.reason, kLongestReason);
  return result;
}

}  // namespace

SandboxResult run_python(std::string_view code, std::string_view tests,
                         const SandboxLimits& limits) {
  const EmptyFolder folder;
  const std::string word = random_word();
  const auto cpu_seconds = static_cast<std::int64_t>(std::ceil(limits.cpu_seconds));
  std::string filter;
  for (const unsigned char byte : tasks::system_call_filter())
    filter += fmt::format("{:02x}", byte);
  const nlohmann::json task = {{"word", word},
                               {"filter", filter},
                               {"code", code},
                               {"tests", tests},
                               {"cpu", cpu_seconds},
                               {"memory", limits.memory_bytes},
                               {"directory", folder.path()}};
  const Descriptor input =
      input_of(task.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  // an interpreter out of a module finds its library by this; the prelude clears it
  const char* libraries = std::getenv("LD_LIBRARY_PATH");
  std::string library_path =
      fmt::format("LD_LIBRARY_PATH={}", libraries == nullptr ? "" : libraries);
  std::array<char*, 2> environment = {libraries == nullptr ? nullptr : library_path.data(),
                                      nullptr};

  Pipe output, verdict;
  const std::string interpreter = python();
  const pid_t child =
      spawn({interpreter, "-I", "-S", "-B", "-c", tasks::kPrelude}, environment.data(),
            input.number(), output.write.number(), verdict.write.number());
  output.write.close();
  verdict.write.close();
  const Ended ended = follow(child, std::move(output.read), std::move(verdict.read),
                             {.output_bytes = static_cast<std::size_t>(limits.output_bytes),
                              .word = word,
                              .wall_seconds = limits.wall_seconds});
  require_confined(ended, word, interpreter, cpu_seconds);
  return judged(ended, word, limits, cpu_seconds);
}

}  // namespace factsweep
