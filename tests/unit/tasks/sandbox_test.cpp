// What hostile or broken programs do: contained, failed, and with a reason.
#include "factsweep/tasks/sandbox.hpp"

#include <dirent.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "factsweep/tasks/read_tasks.hpp"
#include "real_data.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

namespace {

const SandboxLimits kQuick{.cpu_seconds = 1}, kImpatient{.wall_seconds = 1};

std::string reason(const std::string& code, const SandboxLimits& limits = kQuick) {
  const SandboxResult result = run_python(code, "assert True", limits);
  CHECK_FALSE(result.passed);
  CHECK_FALSE(result.reason.empty());
  return result.reason;
}

/// Folders that runs have left, and children of this process.
std::pair<std::size_t, std::size_t> left_behind() {
  std::size_t folders = 0, children = 0;
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path()))
    folders += entry.path().filename().string().starts_with("factsweep-code-") ? 1 : 0;
  for (const auto& thread : fs::directory_iterator("/proc/self/task")) {
    std::ifstream list(thread.path() / "children");
    std::string child;
    while (list >> child) ++children;
  }
  return {folders, children};
}

}  // namespace

TEST_CASE("right programs pass, wrong ones fail with the test that they failed") {
  const SandboxResult right =
      run_python("import math\ndef f(n):\n  print('hello')\n  return math.sqrt(n)",
                 "assert f(4) == 2\nassert f(9) == 3\n");
  CHECK(right.passed);
  CHECK(right.reason.empty());
  CHECK(right.output == "hello\nhello\n");
  const SandboxResult wrong =
      run_python("def f(n):\n  return n", "assert f(1) == 1\nassert f(9) == 3\n");
  CHECK_FALSE(wrong.passed);
  CHECK(wrong.reason == "AssertionError in: assert f(9) == 3");
  CHECK_THAT(reason("def f(:"), Catch::Matchers::ContainsSubstring("SyntaxError"));
  CHECK_THAT(reason(std::string("x = 1\0y", 7)), Catch::Matchers::ContainsSubstring("null bytes"));
  CHECK_THAT(reason("def f(): return f()\nf()"),
             Catch::Matchers::ContainsSubstring("RecursionError"));
  CHECK_THAT(reason("raise ValueError('\u00e9\\ud800')"),
             Catch::Matchers::ContainsSubstring("ValueError"));
}

TEST_CASE("a program that ends early has not passed") {
  CHECK_THAT(reason("import sys\nsys.exit(0)"), Catch::Matchers::ContainsSubstring("SystemExit"));
  CHECK_THAT(reason("import os\nos._exit(0)"), Catch::Matchers::ContainsSubstring("exit code 0"));
  CHECK_THAT(reason("import os\nos.write(3, b'passed\\n')\nos._exit(0)"),
             Catch::Matchers::ContainsSubstring("exit code 0"));
  CHECK_THAT(reason("import os\nprint('0123456789abcdef' * 2, 'passed', flush=True)\nos._exit(0)"),
             Catch::Matchers::ContainsSubstring("exit code 0"));
}

TEST_CASE("time, memory and output are limited") {
  CHECK_THAT(reason("while True: pass"),
             Catch::Matchers::ContainsSubstring("CPU time limit of 1 s"));
  CHECK_THAT(reason("import time\ntime.sleep(100)", kImpatient),
             Catch::Matchers::ContainsSubstring("wall clock limit of 1 s"));
  CHECK_THAT(reason("x = bytearray(3 << 30)"), Catch::Matchers::ContainsSubstring("MemoryError"));
  const SandboxResult flood = run_python("while True: print('x' * 1000)", "", kQuick);
  CHECK_FALSE(flood.passed);
  CHECK(static_cast<std::int64_t>(flood.output.size()) == kQuick.output_bytes);
  // limits may be raised by nobody
  CHECK_THAT(reason("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (99, 99))"),
             Catch::Matchers::ContainsSubstring("Error"));
  // closing what the parent listens to hides nothing
  CHECK_THAT(reason("import os, time\nos.closerange(0, 9)\ntime.sleep(100)", kImpatient),
             Catch::Matchers::ContainsSubstring("wall clock"));
}

TEST_CASE("the program's time begins when it is confined, however long python3 takes to start") {
  int passed = 0;
  for (int round = 0; round < 20; ++round) {  // each starts for longer than 5 ms
    const SandboxResult result = run_python("x = 1", "assert x == 1", {.wall_seconds = 0.005});
    passed += result.passed ? 1 : 0;
    if (result.passed) continue;
    CHECK(result.reason == "wall clock limit of 0.005 s");
    CHECK(result.stopped);
  }
  CHECK(passed > 0);
  const SandboxResult busy = run_python("while True: pass", "", {.wall_seconds = 0.001});
  CHECK(busy.reason == "wall clock limit of 0.001 s");
}

TEST_CASE("what a limit or the confinement ended is told from a wrong answer") {
  const auto stopped = [](const std::string& code, const SandboxLimits& limits = kQuick) {
    const SandboxResult result = run_python(code, "assert False", limits);
    CHECK_FALSE(result.passed);
    INFO(result.reason);
    return result.stopped;
  };
  CHECK(stopped("while True: pass"));
  CHECK(stopped("import time\ntime.sleep(100)", kImpatient));
  CHECK(stopped("x = bytearray(3 << 30)"));
  CHECK(stopped("open('big', 'w')"));
  CHECK(stopped("import threading\nthreading.Thread(target=print).start()"));
  CHECK(stopped("import os\ntry: os.fork()\nexcept OSError as e: raise ValueError('no') from e"));
  CHECK_FALSE(stopped("x = 1"));
  CHECK_FALSE(stopped("def f(:"));
  CHECK_FALSE(stopped("import sys\nsys.exit(0)"));
  CHECK_FALSE(stopped("import os\nos._exit(3)"));
  CHECK_FALSE(stopped("open('/no/such/file')"));
  CHECK_FALSE(stopped("class E(RuntimeError):\n  def __str__(self): return 1 / 0\nraise E()"));
}

TEST_CASE("the kernel carries no signal to others, and their priorities stay") {
  // would kill this very process
  CHECK_THAT(reason("import fcntl, os, time\n"
                    "fcntl.fcntl(1, fcntl.F_SETOWN, os.getppid())\n"
                    "fcntl.fcntl(1, 10, 9)\n"
                    "fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_ASYNC)\n"
                    "print('x', flush=True)\ntime.sleep(1)"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  for (const char* order : {"10, 9", "15, bytes(8)", "1024, 0", "1026, 1"})
    CHECK_THAT(reason(std::string("import fcntl\nfcntl.fcntl(1, ") + order + ")"),
               Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import fcntl\nfcntl.ioctl(1, 0x8901, bytes(4))"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  for (const char* call : {"os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
                           "os.sched_setaffinity(os.getppid(), {0})",
                           "os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0))",
                           "os.sched_setparam(os.getppid(), os.sched_param(0))"})
    CHECK_THAT(reason(std::string("import os\n") + call),
               Catch::Matchers::ContainsSubstring("PermissionError"));
  // nor does it let go of its parent
  CHECK(run_python("import ctypes\nlibc = ctypes.CDLL(None)",
                   "assert libc.prctl(1, 0, 0, 0, 0) == -1")
            .passed);
  // harmless orders are none of the filter's business
  CHECK(run_python("import fcntl", "assert fcntl.fcntl(1, fcntl.F_GETFL) & 1").passed);
}

TEST_CASE("no processes, no network, no files outside, nothing left behind") {
  const auto before = left_behind();
  CHECK_THAT(reason("import os\nwhile True: os.fork()"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"),
             Catch::Matchers::ContainsSubstring("CPU time limit"));
  CHECK_THAT(reason("import subprocess\nsubprocess.run(['true'])"),
             Catch::Matchers::ContainsSubstring("Error"));
  CHECK_THAT(reason("import os\nos.setsid()"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import os\nos.kill(os.getppid(), 9)"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import os\nos.execv('/bin/true', ['true'])"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import socket\nsocket.create_connection(('127.0.0.1', 22))"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("open('big', 'wb').write(b'x' * (1 << 30))"),
             Catch::Matchers::ContainsSubstring("Error"));
  TemporaryFolder outside;
  const std::string target = (outside / "written").string();
  CHECK_THAT(reason("open('" + target + "', 'w')"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import os\nos.mkdir('" + target + "')"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK_THAT(reason("import os\nos.chmod('" + outside.path().string() + "', 0)"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK(fs::is_empty(outside.path()));
  std::ofstream(outside / "kept") << "kept";
  CHECK_THAT(reason("import os\nos.remove('" + (outside / "kept").string() + "')"),
             Catch::Matchers::ContainsSubstring("PermissionError"));
  CHECK(fs::exists(outside / "kept"));
  // a fresh environment and folder
  CHECK(run_python("import os, sys",
                   "assert not os.environ and not os.listdir() and not sys.stdin.read()")
            .passed);
  CHECK(left_behind() == before);
}

TEST_CASE("real reference solutions pass their own tests", "[real]") {
  if (!is_here(real_data("mbpp"))) return;
  const TaskSet mbpp = read_task_set(real_data("mbpp/mbpp.jsonl"), {.part = "prompt"});
  CHECK(mbpp.examples.size() == 10);
  for (const TaskExample& example : mbpp.examples) {
    const SandboxResult result = run_python(example.answer, example.tests);
    INFO(example.answer << "\n" << result.reason << result.output);
    CHECK(result.passed);
  }
}
