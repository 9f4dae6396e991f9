// The machine's failures: no folder, no space, two jobs. One rank's failure is every rank's error,
// and nothing hangs.
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <optional>

#include "catch.hpp"
#include "sample.hpp"

using namespace factsweep;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

namespace {

/// While it lives this process cannot write beyond `bytes` of any file: a full disk without root.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limited{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

Plan large_plan(std::uint64_t rows) {
  Plan plan = sample::plan(2);
  plan.datasets.push_back(
      {File::results, "/big/values", DType::float64, 0, {rows, 4096}, {}, "", "", "", {}});
  return plan;
}

}  // namespace

TEST_CASE("a folder that cannot be made is an EnvironmentError on every rank", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  if (world.rank() == 0) std::ofstream(folder / "file") << "x";
  world.barrier();
  const std::string message = sample::refusal<EnvironmentError>(world, folder / "file/sub/sweep.h5",
                                                                sample::plan(2), sample::run(1));
  CHECK_THAT(message, ContainsSubstring("file/sub: cannot create the folder: Not a directory"));
  CHECK_THAT(sample::refusal<EnvironmentError>(world, "/proc/self/sweep.h5", sample::plan(2),
                                               sample::run(1)),
             ContainsSubstring("/proc/self/sweep.h5.lock: cannot be created"));
}

TEST_CASE("a sweep larger than the disk is refused with both figures", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const std::string message = sample::refusal<EnvironmentError>(
      world, folder / "sweep.h5", large_plan(std::uint64_t{1} << 40), sample::run(1));
  CHECK_THAT(message, ContainsSubstring("the sweep's files need 36028797019") &&
                          ContainsSubstring("MB are free"));
  CHECK_FALSE(fs::exists(folder / "sweep.h5"));
}

TEST_CASE("a disk that fills while the files are made leaves none", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  for (const rlim_t limit : {rlim_t{100}, rlim_t{300000}, rlim_t{3000000}}) {
    std::optional<FullDisk> full;
    if (world.rank() == 0) full.emplace(limit);
    const std::string message =
        sample::refusal<EnvironmentError>(world, path, large_plan(200), sample::run(1));
    full.reset();
    CHECK_THAT(message, ContainsSubstring(".partial") && ContainsSubstring("cannot") &&
                            ContainsSubstring("File too large"));
    CHECK_FALSE(fs::exists(path));
    world.barrier();
  }
  CHECK(sample::refusal<EnvironmentError>(world, path, large_plan(200), sample::run(1)) ==
        "nothing was thrown");
}

TEST_CASE("a write that finds no space is an EnvironmentError, and the job goes on", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  const std::uint64_t rows = 200;
  Store store(world, path, large_plan(rows), sample::run(1));
  const std::uint64_t each = rows / static_cast<std::uint64_t>(world.size());
  const Slab slab{File::results,
                  "/big/values",
                  {each * static_cast<std::uint64_t>(world.rank()), 0},
                  {each, 4096}};
  const Array array = Array::of(std::vector<double>(each * 4096, 1.25));
  const auto attempt = [&](const Slab& where, const Array& what) -> std::string {
    try {
      store.write(where, what);
    } catch (const EnvironmentError& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  {
    // the limit falls into the last rank's block: the first write goes through in part, the second
    // not at all
    const FullDisk full(4096 * 8 * (each * static_cast<std::uint64_t>(world.size()) - each / 2));
    const std::string message = attempt(slab, array);
    if (world.rank() == world.size() - 1) {
      const auto full_disk =
          ContainsSubstring("sweep.h5:/big/values: cannot write: the disk or the quota is full (");
      CHECK_THAT(message, full_disk);
      CHECK_THAT(attempt({File::results, "/big/values", {rows - 1, 0}, {1, 4096}},
                         Array::of(std::vector<double>(4096, 1.25))),
                 full_disk);
    } else {
      CHECK(message == "nothing was thrown");
    }
  }
  store.write(slab, array);
  CHECK(store.read(slab).bytes == array.bytes);
  store.close();
  CHECK(read_status(path).points == 2);
}

TEST_CASE("two jobs cannot hold one sweep", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  Store store(world, path, sample::plan(2), sample::run(1));
  CHECK_THAT(sample::refusal<EnvironmentError>(world, path, sample::plan(2), sample::run(1)),
             ContainsSubstring("another running job holds this sweep"));
  store.close();
  CHECK(sample::refusal<EnvironmentError>(world, path, sample::plan(2), sample::run(1)) ==
        "nothing was thrown");
}

TEST_CASE("an error while the store is open leaves it without waiting for anyone", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  try {
    Store store(world, path, sample::plan(2), sample::run(1));
    if (world.rank() == 0) sample::finish_point(store, 1, 0);
    throw InputError("a stage's error");
  } catch (const InputError&) {
  }
  world.barrier();
  CHECK(read_status(path).points_done == 1);
}

TEST_CASE("room that checkpoints lack is said at the start", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  for (const double bytes : {1e3, 1e18}) {
    Plan plan = sample::plan(2);
    plan.stages[1].checkpoint_bytes = bytes;
    Store store(world, folder / fmt::format("{}.h5", bytes), plan, sample::run(4));
    const auto notes = store.notes();
    if (world.rank() == 0 && bytes > 1e6) {
      REQUIRE(notes.size() == 1);
      CHECK_THAT(notes[0], ContainsSubstring(".h5.checkpoints: trainings of ") &&
                               ContainsSubstring("begins anew after a stop"));
    } else {
      CHECK(notes.empty());
    }
    store.close();
  }
}

TEST_CASE("a results file that is removed while the job runs is noticed at the next record",
          "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  Store store(world, path, sample::plan(2), sample::run(1));
  store.set_record(0, {Status::done, 1, world.rank(), ""});
  world.barrier();
  if (world.rank() == 0) fs::rename(path, folder / "elsewhere.h5");
  world.barrier();
  const auto refuses = [&] {
    try {
      store.set_record(0, {Status::done, 2, world.rank(), ""});
      FAIL("a record of a file that is gone");
    } catch (const EnvironmentError& error) {
      CHECK_THAT(error.what(), ContainsSubstring("sweep.h5: is not there any more"));
    }
  };
  refuses();
  world.barrier();
  if (world.rank() == 0) std::ofstream(path) << "another file";
  world.barrier();
  refuses();
  world.barrier();
  if (world.rank() == 0) fs::rename(folder / "elsewhere.h5", path);
  world.barrier();
  store.set_record(0, {Status::done, 3, world.rank(), ""});
  store.close();
}
