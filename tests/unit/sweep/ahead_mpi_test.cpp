// Short stages are handed out before they are asked for, and none of them waits for a long one.
#include <thread>

#include "../../../src/sweep/coordinator.hpp"
#include "../../../src/sweep/worker.hpp"
#include "acting_study.hpp"
#include "catch.hpp"

using namespace factsweep;

namespace {

using Stages = std::vector<std::int64_t>;

Message receive(const Communicator& comm, int tag) {
  return Message::unpack(comm.receive(0, tag));
}

}  // namespace

TEST_CASE("a rank is handed short stages ahead, and others have those that it gives back",
          "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  for (int i = 0; i < 400; ++i) act(plan, "works");
  plan.points = {{"whole", {}, 399}};
  Store store(world, folder / "sweep.h5", plan, description());
  const Communicator comm = world.duplicate();
  if (world.rank() > 0) {
    world.barrier();  // rank 0 has its first
    ActingExecutor study;
    const SweepSettings settings;
    Worker(comm, study, plan, store, settings).work();
    receive(comm, kReplyTag);  // what came of the sweep
  } else {                     // by hand
    Survivors survivors(world.size(), /*allowed=*/false);
    Coordinator coordinator(
        comm, plan, std::vector<bool>(plan.stages.size()), {}, 0, [](const JobProgress&) {},
        survivors);
    SweepResult result;
    std::thread serving([&] { result = coordinator.serve(); });
    const auto tell = [&](const Message& message) { comm.send(message.pack(), 0, kRequestTag); };
    const auto finish = [&](std::int64_t stage, double seconds) {
      tell({.kind = static_cast<std::uint8_t>(Request::finished),
            .stage = stage,
            .seconds = seconds});
      return receive(comm, kReplyTag);
    };
    tell({.kind = static_cast<std::uint8_t>(Request::work)});
    const Message first = receive(comm, kReplyTag);
    REQUIRE(first.stages == Stages{0});  // nobody knows how long it takes
    world.barrier();
    Message next = finish(first.stages.front(), 1e-6);
    if (world.size() == 1) {
      Stages held = next.stages;
      while (held.size() < 133) {         // a third: as many again are to be left for other ranks
        CHECK(next.stages.size() == 64);  // no more in a message than MPI takes at once
        next = receive(comm, kReplyTag);
        held.insert(held.end(), next.stages.begin(), next.stages.end());
      }
      CHECK(held.size() == 133);
      CHECK(held.front() == 1);
      tell({.kind = static_cast<std::uint8_t>(Request::back),
            .stages = {held.begin() + 1, held.end()}});
      next = finish(1, 1);
      CHECK(next.stages == Stages{2});  // which it has given back before
    }
    while (static_cast<Reply>(next.kind) == Reply::run) {
      const Stages stages = next.stages;
      for (std::size_t i = 0; i + 1 < stages.size(); ++i)
        tell({.kind = static_cast<std::uint8_t>(Request::finished),
              .stage = stages[i],
              .seconds = 1});
      next = finish(stages.back(), 1);
      if (world.size() == 1) CHECK(next.stages.size() <= 1);  // they have become long
    }
    CHECK(static_cast<Reply>(next.kind) == Reply::end);
    serving.join();
    CHECK(result.done == plan.stages.size());
  }
  world.barrier();
  store.close();
}

TEST_CASE("a stage that takes long lets others have those that were to come after it", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  act(plan, "works");
  act(plan, "slow");
  act(plan, "works");
  act(plan, "works");
  plan.points = {{"whole", {}, 3}};
  Store store(world, folder / "sweep.h5", plan, description());
  const Communicator comm = world.duplicate();
  if (world.rank() == 0) {
    std::vector<Message> heard;
    std::thread coordinator([&] {  // by hand
      const auto reply = [&](Reply kind, Stages stages) {
        comm.send(
            Message{.kind = static_cast<std::uint8_t>(kind), .stages = std::move(stages)}.pack(), 0,
            kReplyTag);
      };
      reply(Reply::run, {0, 1, 2});
      reply(Reply::run, {3});
      do {
        heard.push_back(receive(comm, kRequestTag));
        if (heard.back().kind == static_cast<std::uint8_t>(Request::progress)) heard.pop_back();
      } while (heard.empty() || heard.back().stage != 1);
      reply(Reply::end, {});
    });
    ActingExecutor study;
    const SweepSettings settings;
    Worker(comm, study, plan, store, settings).work();
    coordinator.join();
    REQUIRE(heard.size() == 4);
    const auto is = [&](std::size_t i, Request kind) {
      return heard[i].kind == static_cast<std::uint8_t>(kind);
    };
    CHECK(is(0, Request::work));
    CHECK((is(1, Request::finished) && heard[1].stage == 0));
    CHECK((is(2, Request::back) && heard[2].stages == Stages{2, 3}));
    CHECK((is(3, Request::finished) && heard[3].stage == 1 && heard[3].seconds > 0.5));
    const std::vector<Status> wanted = {Status::done, Status::done, Status::waiting,
                                        Status::waiting};
    for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(store.record(i).status == wanted[i]);
  }
  world.barrier();
  store.close();
}
