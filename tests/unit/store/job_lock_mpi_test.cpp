// Ranks stand for jobs here: each takes the lock for itself.
#include "../../../src/store/job_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <thread>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/provenance.hpp"
#include "factsweep/core/stopwatch.hpp"
#include "factsweep/store/store.hpp"
#include "shared_folder.hpp"

using namespace factsweep;
using Catch::Matchers::ContainsSubstring;

namespace {

/// The lock file of a job on another host, and no lock: as where locks end at the node.
void write_elsewhere(const std::filesystem::path& path, const std::string& sign, int beats) {
  std::ofstream(path) << R"({"host": "elsewhere", "process": 12, "job": "99", "ranks": 3, "since": )"
                      << R"("2026-11-29T12:00:00Z", "sign": ")" << sign << R"(", "beats": )" << beats
                      << "}\n";
}

std::string refusal(const std::filesystem::path& path) {
  try {
    const JobLock lock(path, 1, {.beat_s = 0.4});
  } catch (const EnvironmentError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a second job is told who holds the lock, until the holder is gone", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const auto path = folder / ("out" + std::to_string(world.rank()) + ".h5.lock");
  {
    const JobLock lock(path);
    CHECK(lock.guards());
    std::string message;
    try {
      const JobLock second(path);
    } catch (const EnvironmentError& error) {
      message = error.what();
    }
    CHECK_THAT(message, ContainsSubstring("another running job holds this sweep (host ") &&
                            ContainsSubstring(", process " + std::to_string(::getpid())) &&
                            ContainsSubstring(" UTC). Wait for it"));
  }
  CHECK_FALSE(std::filesystem::exists(path));
  const JobLock again(path);
  CHECK(again.guards());
}

TEST_CASE("never two holders, though each removes the file that others have just opened",
          "[store][ranks]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const std::string lock_path = folder / "out.h5.lock", held = folder / "held";
  world.barrier();
  int taken = 0, shared = 0;
  for (int i = 0; i < 4000; ++i) {
    std::optional<JobLock> lock;
    try {
      lock.emplace(lock_path);
    } catch (const EnvironmentError&) {
      continue;
    }
    ++taken;
    const int mark = ::open(held.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0666);
    if (mark < 0) {
      ++shared;  // somebody else is inside
      continue;
    }
    ::close(mark);
    ::unlink(held.c_str());
  }
  CHECK(world.sum(taken) > 0);  // a rank may always come second
  CHECK(shared == 0);
}

TEST_CASE("a job that beats on another host holds the sweep, though its lock does not reach us",
          "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const auto path = folder / ("out" + std::to_string(world.rank()) + ".h5.lock");
  write_elsewhere(path, utc_now(), 7);
  std::atomic<bool> over = false;
  std::thread job([&] {
    for (int beats = 8; !over; ++beats) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      write_elsewhere(path, utc_now(), beats);
    }
  });
  CHECK_THAT(refusal(path), ContainsSubstring("another running job holds this sweep (host elsewhere, "
                                              "process 12, Slurm job 99, since 2026-11-29 12:00:00 UTC)"));
  over = true;
  job.join();
  const auto sign = read_job_sign(folder / ("out" + std::to_string(world.rank()) + ".h5"));
  REQUIRE(sign);
  CHECK(sign->is_running);
  CHECK(sign->ranks == 3);
  const Stopwatch clock;
  CHECK(refusal(path).empty());  // it has died
  CHECK(clock.seconds() > 0.9);
}

TEST_CASE("a sign of another day, and one of a job that said its end, hold nobody up", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const std::string name = "out" + std::to_string(world.rank()) + ".h5";
  const auto path = folder / (name + ".lock");
  write_elsewhere(path, "2026-01-02T03:04:05Z", 7);
  CHECK_FALSE(read_job_sign(folder / name)->is_running);
  CHECK(read_job_sign(folder / name)->last_sign == "2026-01-02 03:04:05 UTC");
  CHECK(refusal(path).empty());
  write_elsewhere(path, utc_now(), 7);
  CHECK(read_job_sign(folder / name)->is_running);
  leave_word(folder / name, "rank 2 is lost");
  CHECK_FALSE(read_job_sign(folder / name)->is_running);
  CHECK(read_job_sign(folder / name)->ended == "rank 2 is lost");
  const Stopwatch clock;
  CHECK(refusal(path).empty());
  CHECK(clock.seconds() < 0.9);
  leave_word(folder / "no.h5", "nothing to leave it in");
  CHECK_FALSE(read_job_sign(folder / "no.h5"));
}

TEST_CASE("the lock's file shows a life sign that is renewed, and who is dead", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const std::string name = "out" + std::to_string(world.rank()) + ".h5";
  std::string text;
  {
    const JobLock lock(folder / (name + ".lock"), 5, {.beat_s = 0.05});
    const auto sign = read_job_sign(folder / name);
    REQUIRE(sign);
    CHECK(sign->is_running);
    CHECK(sign->ranks == 5);
    CHECK(sign->age_s < 30);
    CHECK_THAT(sign->holder, ContainsSubstring("host " + host_name() + ", process "));
    const auto content = [&] {
      std::ifstream in(folder / (name + ".lock"));
      return std::string(std::istreambuf_iterator<char>(in), {});
    };
    text = content();
    const Stopwatch clock;
    while (content() == text && clock.seconds() < 10)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(content() != text);
  }
  CHECK_FALSE(read_job_sign(folder / name));
  std::ofstream(folder / (name + ".lock")) << text;  // as a killed job leaves it: of this host, nobody locks it
  CHECK_FALSE(read_job_sign(folder / name)->is_running);
  std::ofstream(folder / (name + ".lock")) << "host node7, process 4711";  // of a version before
  CHECK_FALSE(read_job_sign(folder / name));
  CHECK(refusal(folder / (name + ".lock")).empty());
}
