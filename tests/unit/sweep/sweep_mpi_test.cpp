// What becomes of a job whose stages fail, stop or meet a broken machine.
#include "../../../src/sweep/worker.hpp"
#include "acting_study.hpp"
#include "catch.hpp"
#include "skip.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

RunDescription description() {
  RunDescription run;
  run.deck_text = "[run]\n";
  return run;
}

SweepResult sweep(const Communicator& world, const fs::path& path, const Plan& plan,
                  ActingExecutor study = {}) {
  Store store(world, path, plan, description());
  const SweepResult result = run_sweep(world, study, plan, store, {});
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
  CHECK(status.failures == std::vector<std::string>{"breaks 1: it broke"});
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
      comm.send(Message{.kind = static_cast<std::uint8_t>(kind), .stage = 0}.pack(), 1, kReplyTag);
    };
    CHECK(static_cast<Request>(next().kind) == Request::work);
    reply(Reply::run);
    Message last;
    std::int64_t tokens = 0;
    for (Message message = next(); static_cast<Request>(message.kind) == Request::progress;
         message = next()) {
      tokens += message.tokens;
      last = message;
    }
    CHECK(last.stage == 0);
    CHECK(last.begun == 0.25);
    CHECK(last.fraction == 0.75);
    CHECK(tokens == 3);
    CHECK(static_cast<Request>(next().kind) == Request::work);
    reply(Reply::end);
  }
  world.barrier();
  store.close();
}

// Run by itself (tests/CMakeLists.txt): it ends the whole job.
TEST_CASE("a stage that meets a broken machine ends the job", "[.][abort]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "machine");
  act(plan, "works");
  sweep(world, folder / "sweep.h5", plan);
}
