// Not a test by itself: the job that tests/system/store_kill.sh kills. It says in a file of its own
// what it finished.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "catch.hpp"
#include "sample.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kStages = 60000;
constexpr std::size_t kPointEach = 10;  // every tenth stage is the leaf of a point
constexpr std::uint64_t kValues = 128;
constexpr std::uint64_t kDelta = 64;

Plan writer_plan() {
  Plan plan;
  plan.study = "slick";
  plan.axes = {{"seed", "", "seed", ""}};
  plan.stages.resize(kStages);
  for (std::size_t i = 0; i < kStages; ++i) {
    plan.stages[i].key = fmt::format("{:016x}", i);
    plan.stages[i].kind = "train";
    plan.stages[i].title = fmt::format("stage {}", i);
    plan.stages[i].cost_flop = 1;
    if (i % kPointEach == 0)
      plan.points.push_back({fmt::format("p{}", i), {static_cast<std::int64_t>(i)}, i});
  }
  plan.datasets.push_back({File::results,
                           "/data/values",
                           DType::float64,
                           0,
                           {kStages, kValues},
                           {"row", "column"},
                           "",
                           "",
                           "",
                           {}});
  plan.datasets.push_back(
      {File::weights, "/data/delta", DType::bfloat16, 0, {kStages, kDelta}, {}, "", "", "", {}});
  return plan;
}

fs::path chosen_folder() {
  const char* chosen = std::getenv("FACTSWEEP_STORE_FOLDER");
  require(chosen != nullptr, "FACTSWEEP_STORE_FOLDER names the folder to work in");
  return chosen;
}

Array delta_of(std::size_t stage) {
  Array array{DType::bfloat16, 0, std::vector<std::byte>(2 * kDelta)};
  for (std::size_t i = 0; i < kDelta; ++i) {
    const auto bits = static_cast<std::uint16_t>((7 * stage + i) & 0x3fff);
    std::memcpy(array.bytes.data() + 2 * i, &bits, 2);
  }
  return array;
}

void finish(Store& store, std::size_t stage, int rank) {
  store.set_record(stage, {Status::running, 0, rank, ""});
  std::vector<double> values(kValues);
  for (std::size_t i = 0; i < kValues; ++i)
    values[i] = 1000.0 * static_cast<double>(stage) + static_cast<double>(i);
  store.write({File::results, "/data/values", {stage, 0}, {1, kValues}}, Array::of(values));
  store.write({File::weights, "/data/delta", {stage, 0}, {1, kDelta}}, delta_of(stage));
  store.set_record(stage, {Status::done, 0.5 * static_cast<double>(stage + 1), rank, ""});
}

}  // namespace

TEST_CASE("a job to kill", "[.writer]") {
  const Communicator world = Communicator::world();
  const fs::path folder = chosen_folder();
  const auto open = [&](const char* kind, int flags) {
    return ::open((folder / fmt::format("{}.{}", kind, world.rank())).c_str(),
                  O_WRONLY | O_CREAT | flags, 0666);
  };
  const int process = open("process", O_TRUNC);
  const std::string id = std::to_string(getpid());
  require(::write(process, id.data(), id.size()) == static_cast<ssize_t>(id.size()),
          "process file");
  ::close(process);

  Store store(world, folder / "sweep.h5", writer_plan(), sample::run(world.size()));
  const int acknowledged = open("acknowledged", O_APPEND);
  for (std::size_t stage = 0; stage < kStages; ++stage) {
    if (static_cast<int>(stage) % world.size() != world.rank()) continue;
    if (store.record(stage).status == Status::done) continue;
    finish(store, stage, world.rank());
    const auto row = static_cast<std::int64_t>(stage);
    require(::write(acknowledged, &row, sizeof row) == sizeof row, "acknowledgement");
  }
  ::close(acknowledged);
  store.close();
}

TEST_CASE("a sweep to read", "[.sample]") {
  const Communicator world = Communicator::world();
  Store store(world, chosen_folder() / "sweep.h5", sample::plan(3), sample::run(world.size()));
  if (world.rank() == 0) {
    sample::finish_point(store, 0, 0);
    sample::finish_point(store, 2, 0);
    store.set_record(2, {Status::failed, 1, 0, "loss is nan \u00e9"});
  }
  store.close();
}
