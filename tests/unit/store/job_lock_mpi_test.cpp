// Ranks stand for jobs here: each takes the lock for itself.
#include "../../../src/store/job_lock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "shared_folder.hpp"

using namespace factsweep;
using Catch::Matchers::ContainsSubstring;

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
  CHECK(taken > 0);
  CHECK(shared == 0);
}
