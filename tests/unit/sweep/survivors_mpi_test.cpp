// What becomes of a job that loses ranks.
#include <thread>

#include "../../../src/sweep/coordinator.hpp"
#include "../../../src/sweep/worker.hpp"
#include "acting_study.hpp"
#include "catch.hpp"
#include "skip.hpp"

using namespace factsweep;

TEST_CASE("the others go on without silent ranks, and without a stage that has silenced two",
          "[ranks]") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) return test::skip("needs two ranks");
  const int silent = GENERATE(1, 2);  // so many of the last ranks
  if (2 * silent > world.size()) return;
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "works");
  act(plan, "works");
  for (int i = 0; i < 2 * world.size(); ++i) act(plan, "works", {0});
  act(plan, "works", {1});
  plan.stages[0].cost_flop = 9;  // the first that is handed out
  plan.points = {{"whole", {}, 2}};
  Store store(world, folder / "sweep.h5", plan, description());
  const Communicator comm = world.duplicate(), talk = world.duplicate();
  const std::vector<std::byte> work =
      Message{.kind = static_cast<std::uint8_t>(Request::work)}.pack();
  const int first_silent = world.size() - silent;
  if (world.rank() >= first_silent) {
    if (world.rank() < world.size() - 1) talk.receive(0, 7);  // the one before has had its turn
    comm.send(work, 0, kRequestTag);                          // takes a stage, and says no more
    const Message stage = Message::unpack(comm.receive(0, kReplyTag));
    CHECK(static_cast<Reply>(stage.kind) == Reply::run);
    CHECK(stage.stages == std::vector<std::int64_t>{0});
    talk.send({}, 0, 7);
  } else if (world.rank() > 0) {
    talk.receive(0, 7);  // the silent ones have had theirs
    ActingExecutor study;
    const SweepSettings settings;
    Worker(comm, study, plan, store, settings).work();
    const Message told = Message::unpack(comm.receive(0, kReplyTag));
    const SweepResult result = SweepResult::unpack(told.text);
    CHECK(result.has_losses);
    CHECK(result.failed == (silent == 2 ? 1U : 0U));
  } else {
    Survivors survivors(world.size(), /*allowed=*/true);
    CHECK_FALSE(survivors.leave_behind(first_silent, "too early"));
    Coordinator coordinator(
        comm, plan, std::vector<bool>(plan.stages.size()), {}, 0, [](const JobProgress&) {},
        survivors);
    SweepResult result;
    std::thread serving([&] { result = coordinator.serve(); });
    std::thread losing([&] {
      for (int rank = world.size() - 1; rank >= first_silent; --rank) {
        talk.receive(rank, 7);
        survivors.begin();
        CHECK(survivors.leave_behind(rank, "it is lost"));
        if (rank > first_silent) talk.send({}, rank - 1, 7);
      }
      for (int rank = 1; rank < first_silent; ++rank) talk.send({}, rank, 7);
    });
    losing.join();
    ActingExecutor study;
    const SweepSettings settings;
    Worker(comm, study, plan, store, settings).work();
    serving.join();
    CHECK(result.has_losses);
    CHECK(result.fault.empty());
    CHECK_FALSE(result.stopped);
    const std::size_t failed = silent == 2 ? 1 : 0;
    CHECK(result.failed == failed);
    CHECK(result.done == (failed == 0 ? plan.stages.size() : 2));
    CHECK(result.left == 0);
    CHECK(coordinator.given_up().size() == failed);
    CHECK_FALSE(survivors.end());
    CHECK(survivors.is_lost(world.size() - 1));
    CHECK_FALSE(survivors.is_lost(0));
  }
  world.barrier();  // here they live
  store.close();
}

TEST_CASE("a rank that is lost ends the job where that was not allowed, or where most are lost",
          "[sweep]") {
  Survivors forbidden(4, /*allowed=*/false);
  forbidden.begin();
  CHECK_FALSE(forbidden.leave_behind(1, "it is lost"));
  CHECK(forbidden.end());
  Survivors survivors(4, /*allowed=*/true);
  CHECK_FALSE(survivors.leave_behind(1, "before the sweep"));
  survivors.begin();
  CHECK(survivors.leave_behind(3, "it is lost"));
  CHECK(survivors.leave_behind(3, "it is lost"));
  CHECK(survivors.leave_behind(1, "it hangs"));
  CHECK_FALSE(survivors.leave_behind(2, "it is lost"));
  CHECK(survivors.newly_lost() == std::map<int, std::string>{{1, "it hangs"}, {3, "it is lost"}});
  CHECK(survivors.newly_lost().empty());
  CHECK_FALSE(survivors.is_lost(2));
  CHECK_FALSE(survivors.end());
}
