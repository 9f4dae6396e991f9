// A rerun goes on from what is in the file, or says on every rank why it cannot.
#include <fstream>

#include "catch.hpp"
#include "factsweep/core/file.hpp"
#include "sample.hpp"

using namespace factsweep;
namespace fs = std::filesystem;
using Catch::Matchers::ContainsSubstring;

namespace {

/// With a stage that has finished: else another deck would replace the files.
void create(const Communicator& world, const fs::path& path, std::size_t points) {
  Store store(world, path, sample::plan(points), sample::run(world.size()));
  if (world.rank() == 0) store.set_record(0, {Status::done, 7, 0, ""});
  store.close();
}

}  // namespace

TEST_CASE("what finished stages took is there by kind", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  Plan plan = sample::plan(3);
  plan.model_bytes = 1e6;
  {
    Store store(world, path, plan, sample::run(world.size()));
    if (world.rank() == 0) {
      store.set_peak_bytes(1, 1.5e6);
      store.set_peak_bytes(2, 2.5e6);
      store.set_peak_bytes(3, 9e6);
      for (const std::size_t stage : {0, 1, 2}) store.set_record(stage, {Status::done, 7, 0, ""});
      store.set_record(3, {Status::failed, 1, 0, "nan loss"});
    }
    store.close();
  }
  const SeenKinds seen = read_seen(path);
  REQUIRE(seen.size() == 2);
  CHECK(seen.at("label").stages == 1);
  CHECK(seen.at("label").memory_ratio == 0);  // not measured
  const SeenKind& train = seen.at("train");
  CHECK(train.stages == 2);
  CHECK(train.flop == 2e9);
  CHECK(train.seconds == 14);
  CHECK(train.memory_ratio == 2.5);
}

TEST_CASE("a rerun finds what was done and retries the rest", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  {
    Store store(world, path, sample::plan(4), sample::run(world.size()));
    if (world.rank() == 0) {
      store.set_record(0, {Status::done, 7, 0, ""});
      sample::finish_point(store, 0, 0);
      store.set_record(2, {Status::running, 0, 0, ""});
      store.set_record(3, {Status::failed, 1, 0, "nan loss"});
      store.set_record(4, {Status::blocked, 0, 0, "upstream failed"});
      CHECK(store.record(3).reason == "nan loss");
    }
    store.close();
  }
  CHECK(read_status(path).stages_failed == 1);
  CHECK(read_status(path).points_failed == 2);
  CHECK(read_status(path).stages_running == 1);
  {
    Store store(world, path, sample::plan(4), sample::run(world.size()));
    CHECK(store.record(0).status == Status::done);
    CHECK(store.record(0).seconds == 7);
    CHECK(store.record(1).status == Status::done);
    CHECK(store.record(1).rank == 0);
    for (const std::size_t stage : {2, 3, 4}) CHECK(store.record(stage).status == Status::waiting);
    CHECK(store.read(sample::curve_slab(0)).bytes == sample::curve(0).bytes);
    CHECK(store.read(sample::delta_slab(0)).bytes == sample::delta(0).bytes);
    CHECK(store.read({File::results, "/points/reason", {2}, {1}}).as_text().front().empty());
    store.close();
  }
  const SweepStatus after = read_status(path);
  CHECK(after.stages_done == 2);
  CHECK(after.points_done == 1);
  CHECK(after.stages_failed + after.stages_running + after.stages_blocked + after.points_failed ==
        0);
}

TEST_CASE("points follow their leaf stage after a death between the two status bytes", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  {
    Store store(world, path, sample::plan(2), sample::run(1));
    if (world.rank() == 0) {
      store.set_record(2, {Status::done, 7, 0, ""});
      const Array points = Array::of(std::vector<std::uint8_t>{2, 1});
      store.write({File::results, "/points/status", {0}, {2}}, points);
    }
    store.close();
  }
  Store store(world, path, sample::plan(2), sample::run(1));
  CHECK(store.record(1).status == Status::waiting);
  CHECK(store.record(2).status == Status::done);
  const Array points = store.read({File::results, "/points/status", {0}, {2}});
  CHECK(points.as<std::uint8_t>()[0] == 0);
  CHECK(points.as<std::uint8_t>()[1] == 2);
  store.close();
}

TEST_CASE("a byte of the journal that has turned into done is not believed", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  {
    Store store(world, path, sample::plan(2), sample::run(1));
    if (world.rank() == 0) {
      store.set_record(0, {Status::done, 7, 0, ""});
      store.set_record(1, {Status::waiting, 0, 0, ""});
      // one was put back, one never ran
      const Array done = Array::of(std::vector<std::uint8_t>{2, 2});
      store.write({File::results, "/stages/status", {1}, {2}}, done);
    }
    store.close();
  }
  Store store(world, path, sample::plan(2), sample::run(1));
  CHECK(store.record(0).status == Status::done);
  for (const std::size_t stage : {1, 2}) CHECK(store.record(stage).status == Status::waiting);
  store.close();
}

TEST_CASE("another deck is refused on every rank, key by key", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  create(world, path, 3);
  const Plan plan = sample::plan(3);
  RunDescription other = sample::run(1);
  other.science["train.epochs"] = "20";
  other.science["grid.seed"] = "1, 2";
  const std::string message = sample::refusal<InputError>(world, path, plan, other);
  CHECK_THAT(message, ContainsSubstring("sweep.h5") &&
                          ContainsSubstring("train.epochs (was '50', now '20')") &&
                          ContainsSubstring("grid.seed (was not there, now '1, 2')"));
  for (int i = 0; i < 8; ++i) other.science["x.key" + std::to_string(i)] = "v";
  CHECK_THAT(sample::refusal<InputError>(world, path, plan, other),
             ContainsSubstring("and 5 more"));

  CHECK_THAT(sample::refusal<InputError>(world, path, sample::plan(4), sample::run(1)),
             ContainsSubstring("holds 4 stages, this plan has 5"));
  Plan changed = plan;
  changed.stages[2].key = "0123456789abcdef";
  CHECK_THAT(sample::refusal<InputError>(world, path, changed, sample::run(1)),
             ContainsSubstring("stage 2 ('train point 1"));
  Plan study = plan;
  study.study = "flearning";
  CHECK_THAT(sample::refusal<InputError>(world, path, study, sample::run(1)),
             ContainsSubstring("holds the study 'slick'"));
  Plan wider = plan;
  wider.datasets[1].shape = {3, 4};
  CHECK_THAT(sample::refusal<InputError>(world, path, wider, sample::run(1)),
             ContainsSubstring("/curves/loss"));
}

TEST_CASE("input that lies elsewhere is a note, input that holds something else is refused",
          "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  Plan plan = sample::plan(3);
  plan.inputs = {{"model.path", "models/a", "01"}, {"data.facts", "facts", ""}, {"data.facts P1", "", "02"}};
  {
    Store store(world, path, plan, sample::run(world.size()));
    if (world.rank() == 0) store.set_record(0, {Status::done, 7, 0, ""});
    store.close();
  }
  const auto refusal = [&](const std::vector<Input>& inputs) {
    Plan other = plan;
    other.inputs = inputs;
    return sample::refusal<InputError>(world, path, other, sample::run(1));
  };
  const Input model = plan.inputs[0], facts = plan.inputs[1], relation = plan.inputs[2];
  {
    Plan moved = plan;
    // longer than what was there, also in a text of the study's own
    moved.inputs = {{"model.path", "/scratch/of/somebody/a", "01"}, {"data.facts", "f", ""}, relation};
    moved.datasets[2].content = Array::of_text(std::vector<std::string>{"longer than it was", "b"}, 18);
    moved.datasets[2].text_length = 18;
    Store store(world, path, moved, sample::run(world.size()));
    CHECK(store.record(0).status == Status::done);
    REQUIRE(store.notes().size() == (world.rank() == 0 ? 1 : 0));
    for (const std::string& note : store.notes())
      CHECK_THAT(note, ContainsSubstring("model.path was read at models/a, and is at "
                                         "/scratch/of/somebody/a now; data.facts was read at facts"));
    store.close();
  }
  CHECK_THAT(refusal({{"model.path", "models/a", "03"}, facts, relation}),
             ContainsSubstring("model.path (models/a) holds something else than it did then"));
  CHECK_THAT(refusal({{"model.path", "models/b", "03"}, facts, {"data.facts P1", "", "04"}}),
             ContainsSubstring("model.path (models/b) holds something else than what was read at "
                               "models/a") &&
                 ContainsSubstring("data.facts P1 holds something else"));
  CHECK_THAT(refusal({model, facts, relation, {"label.exemplars", "e.csv", "05"}}),
             ContainsSubstring("label.exemplars (e.csv) was not read then"));
  CHECK_THAT(refusal({model, facts}), ContainsSubstring("data.facts P1 is not read any more"));
}

TEST_CASE("files of another deck in which nothing has finished are replaced", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5", checkpoints = path.string() + ".checkpoints";
  {
    Store store(world, path, sample::plan(3), sample::run(world.size()));
    CHECK(store.notes().empty());
    if (world.rank() == 0) store.set_record(0, {Status::failed, 1, 0, "no such model"});
    store.close();
  }
  RunDescription other = sample::run(world.size());
  other.science["train.epochs"] = "20";
  if (world.rank() == 0) {
    fs::create_directories(checkpoints);
    std::ofstream(checkpoints / "0123456789abcdef.safetensors") << "hours of training";
  }
  world.barrier();
  CHECK_THAT(sample::refusal<InputError>(world, path, sample::plan(4), other),
             ContainsSubstring("was '50', now '20'"));
  if (world.rank() == 0) fs::remove(checkpoints / "0123456789abcdef.safetensors");
  world.barrier();
  {
    Store store(world, path, sample::plan(4), other);
    CHECK(store.notes().size() == (world.rank() == 0 ? 1 : 0));
    for (const std::string& note : store.notes())
      CHECK_THAT(note, ContainsSubstring("no stage has finished: begun anew"));
    CHECK(store.record(0).status == Status::waiting);
    if (world.rank() == 0) store.set_record(0, {Status::done, 7, 0, ""});
    store.close();
  }
  CHECK(read_status(path).stages == 5);
  CHECK(fs::exists(folder / "sweep.weights.h5"));
  CHECK_THAT(sample::refusal<InputError>(world, path, sample::plan(3), sample::run(1)),
             ContainsSubstring("was '20', now '50'"));
}

TEST_CASE("files that are not ours are refused on every rank", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  create(world, path, 3);
  const Plan plan = sample::plan(3);
  if (world.rank() == 0) {
    std::ofstream(folder / "text.h5") << "these are my notes\n";
    fs::copy(path, folder / "short.h5");
    fs::resize_file(folder / "short.h5", fs::file_size(path) / 2);
    fs::copy(folder / "sweep.weights.h5", folder / "swapped.h5");
    fs::copy(path, folder / "alone.h5");
    fs::copy(path, folder / "pair.h5");
  }
  create(world, folder / "other.h5", 3);
  if (world.rank() == 0) fs::copy(folder / "other.weights.h5", folder / "pair.weights.h5");
  world.barrier();
  const RunDescription run = sample::run(1);
  CHECK_THAT(sample::refusal<InputError>(world, folder / "text.h5", plan, run),
             ContainsSubstring("no whole HDF5 file"));
  CHECK_THAT(sample::refusal<InputError>(world, folder / "short.h5", plan, run),
             ContainsSubstring("truncated"));
  CHECK_THAT(sample::refusal<InputError>(world, folder / "swapped.h5", plan, run),
             ContainsSubstring("is a 'factsweep weights' file"));
  CHECK_THAT(sample::refusal<InputError>(world, folder / "alone.h5", plan, run),
             ContainsSubstring("alone.weights.h5: does not exist"));
  CHECK_THAT(sample::refusal<InputError>(world, folder / "pair.h5", plan, run),
             ContainsSubstring("belongs to another run"));
  if (world.rank() == 0) {
    CHECK_THROWS_AS(read_status(folder / "text.h5"), InputError);
    CHECK_THROWS_AS(read_status(folder / "missing.h5"), InputError);
    CHECK_THROWS_AS(read_status(folder / "swapped.h5"), InputError);
    fs::remove(path);
  }
  world.barrier();
  CHECK_THAT(sample::refusal<InputError>(world, path, plan, run),
             ContainsSubstring("sweep.weights.h5: exists, but its results file"));
}

TEST_CASE("a death while creating leaves nothing in the way", "[store]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  if (world.rank() == 0) {
    std::ofstream(path.string() + ".partial") << "half a file";
    std::ofstream((folder / "sweep.weights.h5").string() + ".partial") << "half a file";
    std::ofstream(path.string() + ".lock") << "";
  }
  world.barrier();
  create(world, path, 2);
  CHECK(read_status(path).points == 2);
  // died between the two renames
  world.barrier();
  if (world.rank() == 0) {
    fs::rename(folder / "sweep.weights.h5", (folder / "sweep.weights.h5").string() + ".partial");
  }
  world.barrier();
  create(world, path, 2);
  CHECK(fs::exists(folder / "sweep.weights.h5"));
}
