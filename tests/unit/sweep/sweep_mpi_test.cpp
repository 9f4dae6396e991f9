// What becomes of a job whose stages fail, stop or meet a broken machine.
#include "../../../src/sweep/worker.hpp"
#include "acting_study.hpp"
#include "catch.hpp"
#include "skip.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

SweepResult sweep(const Communicator& world, const fs::path& path, const Plan& plan,
                  ActingExecutor study = {}, const SweepSettings& settings = {}) {
  Store store(world, path, plan, description());
  const SweepResult result = run_sweep(world, study, plan, store, settings);
  store.close();
  return result;
}

double value_of(const Communicator& world, const fs::path& path, const Plan& plan,
                std::size_t stage) {
  Store store(world, path, plan, description());
  const double value =
      store.read(plan.stages[stage].outputs.front().places.front()).as<double>().front();
  store.close();
  return value;
}

}  // namespace

TEST_CASE("a stage that throws is a row with its reason, and blocks what depends on it",
          "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "works");
  act(plan, "breaks");
  act(plan, "works", {0, 1});
  act(plan, "works", {0});
  act(plan, "works", {0, 3});
  plan.points = {{"whole", {}, 4}, {"blocked", {}, 2}};
  const SweepResult result = sweep(world, folder / "sweep.h5", plan);
  CHECK(result.done == 3);
  CHECK(result.failed == 1);
  CHECK(result.blocked == 1);
  CHECK(result.left == 0);
  CHECK_FALSE(result.stopped);
  CHECK(result.exit_code() == ExitCode::points_failed);
  const SweepStatus status = read_status(folder / "sweep.h5");
  CHECK(status.stages_done == 3);
  CHECK(status.stages_blocked == 1);
  CHECK(status.points_done == 1);
  CHECK(status.points_failed == 1);
  CHECK((status.failed.size() == 1 && status.failed[0].title == "breaks 1" &&
         status.failed[0].reason == "it broke"));
  CHECK(value_of(world, folder / "sweep.h5", plan, 4) == 4);  // 1 + (1) + (1 + (1))
}

TEST_CASE("a stage that meets bad input fails as others do: the sweep itself has finished", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "refuses");
  act(plan, "works");
  const SweepResult result = sweep(world, folder / "sweep.h5", plan);
  CHECK(result.done == 1);
  CHECK(result.failed == 1);
  CHECK(result.exit_code() == ExitCode::points_failed);
}

TEST_CASE("a stage that stops ends the job, and the next one goes on with it", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "stops");
  act(plan, "works", {0});
  const SweepResult first = sweep(world, folder / "sweep.h5", plan);
  CHECK(first.stopped);
  CHECK(first.left == 2);
  CHECK(first.exit_code() == ExitCode::stopped);
  ActingExecutor patient;
  patient.stops = false;
  const SweepResult second = sweep(world, folder / "sweep.h5", plan, patient);
  CHECK(second.done == 2);
  CHECK(second.exit_code() == ExitCode::done);
  CHECK(value_of(world, folder / "sweep.h5", plan, 1) == 2);
}

TEST_CASE("a finished stage whose results the disk has changed is computed anew, and it alone",
          "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "works");
  act(plan, "works", {0});
  act(plan, "breaks");
  act(plan, "works", {1});
  const fs::path path = folder / "sweep.h5";
  const SweepResult first = sweep(world, path, plan);
  CHECK(first.done == 3);
  {
    Store store(world, path, plan, description());
    CHECK(store.notes().empty());
    if (world.rank() == 0) {
      store.write({File::results, "/values/1", {0}, {1}}, Array::of(std::vector{2.0 + 0x1p-51}));
      store.set_record(2, {Status::failed, 1, 0, "it broke"});
      const Array done = Array::of(std::vector<std::uint8_t>{2});  // one bit from failed
      store.write({File::results, "/stages/status", {2}, {1}}, done);
    }
    store.close();
  }
  {
    Store store(world, path, plan, description());
    const std::vector<Status> wanted = {Status::done, Status::waiting, Status::waiting,
                                        Status::done};
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(store.record(i).status == wanted[i]);
    REQUIRE(store.notes().size() == (world.rank() == 0 ? 1 : 0));
    for (const std::string& note : store.notes())
      CHECK_THAT(note, Catch::Matchers::ContainsSubstring(
                           "holds other results than these stages wrote: works 1; breaks 2."));
    store.close();
  }
  const SweepResult again = sweep(world, path, plan);
  CHECK(again.done == 3);
  CHECK(again.failed == 1);
  CHECK(value_of(world, path, plan, 1) == 2);
}

TEST_CASE("weights that the disk has changed are not read: they are computed anew", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  const fs::path path = folder / "sweep.h5";
  const bool pauses = GENERATE(false, true);
  Plan plan = empty_plan();
  act(plan, pauses ? "pauses" : "works");
  keep_weights(plan);
  act(plan, "works", {0});
  act(plan, "stops", {0});
  ActingExecutor study;
  // one that pauses has its weights in the file from a run before the one that finishes it
  const auto sweep_once = [&] {
    Store store(world, path, plan, description());
    const SweepResult result = run_sweep(world, study, plan, store, {});
    store.close();
    return result;
  };
  if (pauses) {
    CHECK(sweep_once().done == 0);
    study.has_kept = true;  // as its checkpoint would say
  }
  const SweepResult first = sweep_once();
  CHECK(first.stopped);
  CHECK(first.failed == 0);
  const double value = value_of(world, path, plan, 0);
  {
    Store store(world, path, plan, description());
    CHECK(store.keeps_weights(0, plan.stages[0]));
    world.barrier();
    if (world.rank() == 0)
      store.write({File::weights, "/weights/0", {1, 1}, {1, 1}},
                  Array::of(std::vector<float>{1.5F}));
    store.close();
  }
  study.stops = false;
  const SweepResult second = sweep_once();
  CHECK(second.failed >= 1);
  const SweepStatus status = read_status(path);
  REQUIRE(status.failed.size() >= 1);
  CHECK_THAT(status.failed[0].reason,
             Catch::Matchers::ContainsSubstring("are not those that '" + plan.stages[0].title));
  study.has_kept = false;
  plan.stages[0].kind = "works";  // its key stays
  const SweepResult third = sweep_once();
  CHECK(third.done == 3);
  CHECK(third.failed == 0);
  CHECK(value_of(world, path, plan, 0) == value);
  CHECK(value_of(world, path, plan, 1) == 1 + value + value);  // and the weights, all of its value
}

TEST_CASE("the journal has the seconds of all runs that a stage went on from", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "continued");
  act(plan, "works");
  sweep(world, folder / "sweep.h5", plan);
  Store store(world, folder / "sweep.h5", plan, description());
  CHECK(store.record(0).seconds > 100);
  CHECK(store.record(0).seconds < 160);
  CHECK(store.record(1).seconds < 60);  // it begins at nought again
  store.close();
}

TEST_CASE("a worker tells how far its stage is", "[ranks]") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) return test::skip("needs two ranks");
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "slow");
  Store store(world, folder / "sweep.h5", plan, description());
  const Communicator comm = world.duplicate();
  if (world.rank() == 1) {
    ActingExecutor study;
    const SweepSettings settings;
    Worker(comm, study, plan, store, settings).work();
  }
  if (world.rank() == 0) {
    const auto next = [&] { return Message::unpack(comm.receive(1, kRequestTag)); };
    const auto reply = [&](Reply kind) {
      comm.send(Message{.kind = static_cast<std::uint8_t>(kind), .stages = {0}}.pack(), 1,
                kReplyTag);
    };
    CHECK(static_cast<Request>(next().kind) == Request::work);
    reply(Reply::run);
    Message last;
    std::int64_t tokens = 0;
    Message message = next();
    for (; static_cast<Request>(message.kind) == Request::progress; message = next()) {
      tokens += message.tokens;
      last = message;
    }
    CHECK(last.stage == 0);
    CHECK(last.begun == 0.25);
    CHECK(last.fraction == 0.75);
    CHECK(tokens == 3);
    CHECK(static_cast<Request>(message.kind) == Request::finished);
    reply(Reply::end);
  }
  world.barrier();
  store.close();
}

TEST_CASE("a stage that meets a broken machine is tried on one more rank", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "machine");
  act(plan, "works");
  act(plan, "works", {0});
  const SweepResult result = sweep(world, folder / "sweep.h5", plan);
  const SweepStatus status = read_status(folder / "sweep.h5");
  CHECK_FALSE(result.stopped);
  if (world.size() > 2) {  // it is the stage: the other ranks go on
    CHECK(result.fault.empty());
    CHECK(result.failed == 1);
    CHECK(result.blocked == 1);
    CHECK(result.exit_code() == ExitCode::points_failed);
    CHECK((status.failed.size() == 1 && status.failed[0].title == "machine 0" &&
           status.failed[0].reason == "the disk is full"));
  } else {  // no rank is left, so nobody knows
    CHECK(result.fault == "the disk is full");
    CHECK(result.failed == 0);
    CHECK(result.left == 3 - result.done);
    CHECK(result.exit_code() == ExitCode::environment);
    CHECK(status.stages_failed == 0);
    CHECK(status.stages_running == 0);
  }
  if (world.size() != 2) CHECK(result.done == (world.size() == 1 ? 0U : 1U));
}

TEST_CASE("a rank whose device is lost hands its stage back and takes no more", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  for (int i = 0; i < 40; ++i) act(plan, "works");
  ActingExecutor study;
  study.is_broken = world.rank() == world.size() - 1;
  SweepSettings settings;
  settings.machine_fault = [&] { return study.is_broken ? "cuda:3: an illegal memory access" : ""; };
  const SweepResult result = sweep(world, folder / "sweep.h5", plan, study, settings);
  CHECK(result.failed == 0);
  CHECK(read_status(folder / "sweep.h5").stages_failed == 0);
  if (world.size() > 1) {
    CHECK(result.done == 40);
    CHECK(result.exit_code() == ExitCode::done);
    return;
  }
  CHECK(result.fault == "cuda:3: an illegal memory access");
  CHECK(result.left == 40);
  CHECK(result.exit_code() == ExitCode::environment);
  CHECK(sweep(world, folder / "sweep.h5", plan).done == 40);  // on another machine
}

TEST_CASE("every rank's device is lost: the sweep ends, and nothing is a failed row", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  for (int i = 0; i < 40; ++i) act(plan, "works");
  ActingExecutor study;
  study.is_broken = true;
  SweepSettings settings;
  settings.machine_fault = [] { return "cuda: lost"; };
  const SweepResult result = sweep(world, folder / "sweep.h5", plan, study, settings);
  CHECK(result.done == 0);
  // each stage was the first that a rank met, or the second
  CHECK(result.failed <= static_cast<std::size_t>(world.size()) / 2);
  CHECK(result.exit_code() == ExitCode::environment);
}

TEST_CASE("where the machine is well, what a stage throws is a row at once", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  for (int i = 0; i < 6; ++i) act(plan, i % 2 == 0 ? "breaks" : "refuses");
  SweepSettings settings;
  int asked = 0;
  settings.machine_fault = [&] {
    ++asked;
    return "";
  };
  const SweepResult result = sweep(world, folder / "sweep.h5", plan, {}, settings);
  CHECK(result.failed == 6);
  CHECK(result.exit_code() == ExitCode::points_failed);
  CHECK(world.sum(asked) == 3);  // bad input says nothing of the machine
}
