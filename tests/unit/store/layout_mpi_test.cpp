// The files as any HDF5 reader sees them, and what every rank writes into them.
#include <hdf5.h>
#include <hdf5_hl.h>

#include <cmath>

#include "catch.hpp"
#include "../../../src/store/layout.hpp"
#include "factsweep/store/stored_weights.hpp"
#include "layout_page.hpp"
#include "sample.hpp"

using namespace factsweep;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// Looks at a finished file with plain HDF5 calls, apart from the library's own.
class Look {
 public:
  explicit Look(const fs::path& path) : file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {}
  ~Look() { H5Fclose(file_); }
  bool opened() const { return file_ >= 0; }

  std::string text(const char* object, const char* name) const {
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    const hid_t attribute = H5Aopen_by_name(file_, object, name, H5P_DEFAULT, H5P_DEFAULT);
    char* value = nullptr;
    const bool read = attribute >= 0 && H5Aread(attribute, type, &value) >= 0;
    const std::string copy = read && value != nullptr ? value : "(none)";
    H5free_memory(value);
    H5Aclose(attribute);
    H5Tclose(type);
    return copy;
  }
  template <typename T>
  std::vector<T> values(const char* path, hid_t type) const {
    const hid_t dataset = H5Dopen2(file_, path, H5P_DEFAULT);
    const hid_t space = H5Dget_space(dataset);
    std::vector<T> all(
        static_cast<std::size_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space), 0)));
    H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all.data());
    H5Sclose(space);
    H5Dclose(dataset);
    return all;
  }
  bool attached(const char* path, const char* scale, unsigned axis) const {
    const hid_t dataset = H5Dopen2(file_, path, H5P_DEFAULT);
    const hid_t other = H5Dopen2(file_, scale, H5P_DEFAULT);
    const bool yes = H5DSis_scale(other) > 0 && H5DSis_attached(dataset, other, axis) > 0;
    H5Dclose(other);
    H5Dclose(dataset);
    return yes;
  }
  /// Contiguous and given its place in the file.
  bool whole(const char* path) const {
    const hid_t dataset = H5Dopen2(file_, path, H5P_DEFAULT);
    const hid_t creation = H5Dget_create_plist(dataset);
    const bool yes =
        H5Pget_layout(creation) == H5D_CONTIGUOUS && H5Dget_offset(dataset) != HADDR_UNDEF;
    H5Pclose(creation);
    H5Dclose(dataset);
    return yes;
  }

 private:
  hid_t file_;
};

}  // namespace

TEST_CASE("the layout is complete before any work", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "new/sub/sweep.h5";
  {
    Store store(world, path, sample::plan(4), sample::run(world.size()));
    CHECK(store.record(0).status == Status::waiting);
    store.close();
  }
  CHECK_FALSE(fs::exists(path.string() + ".partial"));
  CHECK_FALSE(fs::exists(path.string() + ".lock"));
  const Look results(path);
  REQUIRE(results.opened());
  CHECK(results.text("/", "filetype") == "factsweep results");
  CHECK(results.text("/", "study") == "slick");
  CHECK(results.text("/", "deck") == sample::run(1).deck_text);
  CHECK(nlohmann::json::parse(results.text("/", "science"))["train.epochs"] == "50");
  CHECK(results.text("/points/unknown_ratio", "symbol") == "r");
  CHECK(results.text("/curves/loss", "units") == "nat");
  for (const char* name :
       {"/points/accuracy_test_final", "/curves/loss", "/stages/status", "/points/reason"}) {
    CHECK(results.whole(name));
  }
  CHECK(results.attached("/points/status", "/points/point", 0));
  CHECK(results.attached("/curves/loss", "/curves/point", 0));
  CHECK(results.attached("/curves/loss", "/curves/epoch", 1));
  CHECK(results.attached("/labels/base/p", "/labels/base/question", 0));
  for (const double value : results.values<double>("/curves/loss", H5T_NATIVE_DOUBLE))
    CHECK(std::isnan(value));
  CHECK(results.values<std::uint8_t>("/labels/base/category", H5T_NATIVE_UINT8) ==
        std::vector<std::uint8_t>(2, 255));
  CHECK(results.values<std::uint8_t>("/stages/status", H5T_NATIVE_UINT8) ==
        std::vector<std::uint8_t>(5, 0));
  CHECK(results.values<std::int32_t>("/points/rank", H5T_NATIVE_INT32) ==
        std::vector<std::int32_t>(4, -1));
  CHECK(results.values<std::int64_t>("/points/seed", H5T_NATIVE_INT64) ==
        std::vector<std::int64_t>{0, 1, 2, 3});
  const Look weights(weights_path(path));
  REQUIRE(weights.opened());
  CHECK(weights.text("/", "filetype") == "factsweep weights");
  CHECK(weights.text("/", "run_id") == results.text("/", "run_id"));
}

TEST_CASE("docs/layout.md describes every dataset of the store's own", "[store]") {
  Plan plan = sample::plan(1);
  plan.datasets.clear();
  plan.inputs = {{"data.facts", "facts", "0"}};
  std::vector<std::string> paths;
  const Layout layout(plan, /*with_content=*/false);
  for (const DatasetSpec* spec : layout.datasets) paths.push_back(spec->path);
  CHECK(paths.size() > 20);
  std::erase(paths, "/inputs/input");  // row numbers, as what has no name of its own
  CHECK(test::undescribed(paths) == std::vector<std::string>());
}

TEST_CASE("status lists ten stages of a kind, and of running ones what the job tells", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  Store store(world, path, sample::plan(26), sample::run(world.size()));
  if (world.rank() == 0) {
    for (std::size_t i = 1; i <= 12; ++i)
      store.set_record(i, {Status::done, static_cast<double>(i), 3, ""});
    for (std::size_t i = 13; i <= 24; ++i) store.set_record(i, {Status::failed, 1, 2, "it broke"});
    for (std::size_t i = 25; i <= 26; ++i) store.set_record(i, {Status::running, 0, 1, ""});
    store.tell({{{26, 720, 0.25}, {12, 900, 0.99}}, 0.625, 90.4});  // stage 12 has finished meanwhile
    const SweepStatus status = read_status(path);
    CHECK(status.stages_failed == 12);
    REQUIRE(status.slowest.size() == 10);
    CHECK(status.slowest.front().seconds == 12);
    CHECK(status.slowest.back().seconds == 3);
    CHECK(status.slowest.front().rank == 3);
    REQUIRE(status.failed.size() == 10);
    CHECK(status.failed.front().title == "train point 12 \u00e9");
    CHECK(status.failed.front().reason == "it broke");
    REQUIRE(status.running.size() == 2);
    CHECK(status.running[0].title == "train point 25 \u00e9");
    CHECK(status.running[0].rank == 1);
    CHECK(status.running[0].seconds == 720);
    CHECK(status.running[0].fraction == Approx(0.25));
    CHECK(status.running[1].title == "train point 24 \u00e9");
    CHECK_FALSE(status.running[1].fraction);
    REQUIRE(status.job);
    CHECK(status.job->is_running);
    CHECK(status.job->progress.share == 0.625);
    CHECK(status.job->progress.seconds_left == 90);
    store.tell({});
    CHECK_FALSE(read_status(path).job->progress.seconds_left);
  }
  store.close();
}

TEST_CASE("every rank's slabs land where they belong", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  constexpr std::size_t kPoints = 9;
  Store store(world, path, sample::plan(kPoints), sample::run(world.size()));
  for (std::size_t point = 0; point < kPoints; ++point) {
    if (static_cast<int>(point) % world.size() != world.rank()) continue;
    sample::finish_point(store, point, world.rank());
    CHECK(store.read(sample::curve_slab(point)).bytes == sample::curve(point).bytes);
    CHECK(store.read(sample::delta_slab(point)).bytes == sample::delta(point).bytes);
    CHECK(store.record(1 + point).status == Status::done);
  }
  if (world.rank() == 0) store.set_record(0, {Status::failed, 2, 0, "out of memory"});
  world.barrier();
  const SweepStatus live = read_status(path);  // the job still has the file open
  CHECK(live.points_done == kPoints);
  CHECK(live.stages_done == kPoints);
  CHECK(live.stages_failed == 1);
  REQUIRE(live.failed.size() == 1);
  CHECK(live.failed[0].title == "label everything");
  CHECK(live.failed[0].reason == "out of memory");
  CHECK(live.slowest.size() == std::min(kPoints, kShownStages));
  CHECK(live.cost_done == Approx(9e9));
  CHECK(live.cost_total == Approx(9.001e9));
  CHECK(live.seconds_done == Approx(1.5 * kPoints + 36));
  CHECK(live.ranks == world.size());
  store.close();

  const StoredWeights stored = read_weights(path, "p3", "final");
  CHECK(stored.about == std::map<std::string, std::string>{{"own", "of p3"}, {"shared", "of all"}});
  REQUIRE(stored.tensors.size() == 1);
  CHECK(stored.tensors[0].name == "model.weight");
  CHECK(stored.tensors[0].shape == std::vector<std::uint64_t>{4, sample::kWidth});
  const auto delta = stored.tensors[0].values.as<float>();
  REQUIRE(delta.size() == 4 * sample::kWidth);
  CHECK(read_weights_group(path, "/deltas/mixture/final").tensors[0].shape[0] == kPoints);
  CHECK_THROWS_WITH(read_weights(path, "p3", "early_stop"),
                    ContainsSubstring("holds no early_stop weights of point 'p3'"));
  CHECK_THROWS_WITH(read_weights(path, "q", "final"), ContainsSubstring("Its points: p0, p1"));
  CHECK_THROWS_WITH(read_weights_group(path, "/bank/sst2"),
                    ContainsSubstring("has no group /bank/sst2"));
  CHECK_FALSE(find_dataset(path, "/bank/name", DType::text));
  CHECK(delta[7] == 1.0F);
  CHECK(delta[8] == -123.5F);
  CHECK((std::isinf(delta[4]) && std::isnan(delta[6])));
  CHECK(delta[2] == Approx(9.18355e-41).epsilon(1e-3));

  const Look results(path);
  const std::vector<double> loss = results.values<double>("/curves/loss", H5T_NATIVE_DOUBLE);
  REQUIRE(loss.size() == kPoints * sample::kEpochs);
  for (std::size_t point = 0; point < kPoints; ++point)
    CHECK(loss[3 * point + 2] == 100.0 * double(point) + 2.5);
  CHECK(results.values<std::uint8_t>("/points/status", H5T_NATIVE_UINT8) ==
        std::vector<std::uint8_t>(kPoints, 2));
  CHECK(results.values<double>("/points/seconds", H5T_NATIVE_DOUBLE)[8] == 9.5);
}

TEST_CASE("a slab that does not fit is our bug, not a damaged file", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Store store(world, folder / "sweep.h5", sample::plan(2), sample::run(1));
  const Array three = sample::curve(0);
  CHECK_THROWS_AS(store.write({File::results, "/curves/loss", {1, 1}, {1, 3}}, three), BugError);
  CHECK_THROWS_AS(store.write({File::results, "/curves/loss", {0, 0}, {1, 2}}, three), BugError);
  CHECK_THROWS_AS(store.write({File::results, "/curves/lost", {0, 0}, {1, 3}}, three), BugError);
  CHECK_THROWS_AS(store.write({File::results, "/labels/base/p", {0, 0}, {1, 3}}, three), BugError);
  store.close();
}

TEST_CASE("a plan without weights makes one file", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = sample::plan(2);
  std::erase_if(plan.datasets, [](const DatasetSpec& spec) { return spec.file == File::weights; });
  {
    Store store(world, folder / "sweep.h5", plan, sample::run(1));
    store.close();
  }
  CHECK(fs::exists(folder / "sweep.h5"));
  CHECK_FALSE(fs::exists(folder / "sweep.weights.h5"));
  CHECK(weights_path("a/b.h5") == "a/b.weights.h5");
  CHECK(weights_path("a/b.c") == "a/b.c.weights.h5");
}
