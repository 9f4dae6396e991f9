// What hostile or broken programs do: contained, failed, and with a reason.
#include "factsweep/tasks/sandbox.hpp"

#include <dirent.h>

#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "factsweep/tasks/read_tasks.hpp"
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
  CHECK_THAT(reason("def f(:"), Catch::Contains("SyntaxError"));
  CHECK_THAT(reason(std::string("x = 1\0y", 7)), Catch::Contains("null bytes"));
  CHECK_THAT(reason("def f(): return f()\nf()"), Catch::Contains("RecursionError"));
  CHECK_THAT(reason("raise ValueError('\u00e9\\ud800')"), Catch::Contains("ValueError"));
}

TEST_CASE("a program that ends early has not passed") {
  CHECK_THAT(reason("import sys\nsys.exit(0)"), Catch::Contains("SystemExit"));
  CHECK_THAT(reason("import os\nos._exit(0)"), Catch::Contains("exit code 0"));
  CHECK_THAT(reason("import os\nos.write(3, b'passed\\n')\nos._exit(0)"),
             Catch::Contains("exit code 0"));
  CHECK_THAT(reason("import os\nprint('0123456789abcdef' * 2, 'passed', flush=True)\nos._exit(0)"),
             Catch::Contains("exit code 0"));
}

TEST_CASE("time, memory and output are limited") {
  CHECK_THAT(reason("while True: pass"), Catch::Contains("CPU time limit of 1 s"));
  CHECK_THAT(reason("import time\ntime.sleep(100)", kImpatient),
             Catch::Contains("wall clock limit of 1 s"));
  CHECK_THAT(reason("x = bytearray(3 << 30)"), Catch::Contains("MemoryError"));
  const SandboxResult flood = run_python("while True: print('x' * 1000)", "", kQuick);
  CHECK_FALSE(flood.passed);
  CHECK(static_cast<std::int64_t>(flood.output.size()) == kQuick.output_bytes);
  // limits may be raised by nobody
  CHECK_THAT(reason("import resource\nresource.setrlimit(resource.RLIMIT_CPU, (99, 99))"),
             Catch::Contains("Error"));
  // closing what the parent listens to hides nothing
  CHECK_THAT(reason("import os, time\nos.closerange(0, 9)\ntime.sleep(100)", kImpatient),
             Catch::Contains("wall clock"));
}

TEST_CASE("no processes, no network, no files outside, nothing left behind") {
  const auto before = left_behind();
  CHECK_THAT(reason("import os\nwhile True: os.fork()"), Catch::Contains("PermissionError"));
  CHECK_THAT(reason("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass"),
             Catch::Contains("CPU time limit"));
  CHECK_THAT(reason("import subprocess\nsubprocess.run(['true'])"), Catch::Contains("Error"));
  CHECK_THAT(reason("import os\nos.setsid()"), Catch::Contains("PermissionError"));
  CHECK_THAT(reason("import os\nos.kill(os.getppid(), 9)"), Catch::Contains("PermissionError"));
  CHECK_THAT(reason("import os\nos.execv('/bin/true', ['true'])"),
             Catch::Contains("PermissionError"));
  CHECK_THAT(reason("import socket\nsocket.create_connection(('127.0.0.1', 22))"),
             Catch::Contains("PermissionError"));
  CHECK_THAT(reason("open('big', 'wb').write(b'x' * (1 << 30))"), Catch::Contains("Error"));
  TemporaryFolder outside;
  const std::string target = (outside / "written").string();
  CHECK_THAT(reason("open('" + target + "', 'w')"), Catch::Contains("PermissionError"));
  CHECK_THAT(reason("import os\nos.mkdir('" + target + "')"), Catch::Contains("PermissionError"));
  CHECK_THAT(reason("import os\nos.chmod('" + outside.path().string() + "', 0)"),
             Catch::Contains("PermissionError"));
  CHECK(fs::is_empty(outside.path()));
  std::ofstream(outside / "kept") << "kept";
  CHECK_THAT(reason("import os\nos.remove('" + (outside / "kept").string() + "')"),
             Catch::Contains("PermissionError"));
  CHECK(fs::exists(outside / "kept"));
  // a fresh environment and folder
  CHECK(run_python("import os, sys",
                   "assert not os.environ and not os.listdir() and not sys.stdin.read()")
            .passed);
  CHECK(left_behind() == before);
}

TEST_CASE("real reference solutions pass their own tests", "[data]") {
  const char* data = std::getenv("FACTSWEEP_DATA");
  const char* source = std::getenv("FACTSWEEP_SOURCE");
  const fs::path root =
      data != nullptr ? fs::path(data) : fs::path(source ? source : ".") / "../shared/data";
  if (!fs::exists(root / "mbpp")) {
    WARN("skipped: no " << root.string() << "/mbpp; set FACTSWEEP_DATA to the data folder");
    return;
  }
  const TaskSet mbpp = read_task_set(root / "mbpp/mbpp.jsonl", {.part = "prompt"});
  for (const TaskExample& example : mbpp.examples) {
    const SandboxResult result = run_python(example.answer, example.tests);
    INFO(example.answer << "\n" << result.reason << result.output);
    CHECK(result.passed);
  }
}
