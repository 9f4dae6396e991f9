// Who is told when a rank's work stands still, and who is not.
#include "factsweep/sweep/heartbeat.hpp"

#include <atomic>
#include <thread>

#include "acting_study.hpp"
#include "catch.hpp"
#include "factsweep/core/stopwatch.hpp"
#include "skip.hpp"

using namespace factsweep;
using Catch::Matchers::ContainsSubstring;

namespace {

/// What a rank has seen of a loss.
struct Seen {
  std::atomic<int> saves = 0, ends = 0;
  std::string why;

  HeartbeatActions actions() {
    return {.save_work = [this] { ++saves; }, .end_job = [this] { ++ends; }};
  }
};

bool within(double seconds, const std::function<bool()>& holds) {
  const Stopwatch clock;
  while (!holds() && clock.seconds() < seconds)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return holds();
}

constexpr HeartbeatLimits kShort = {.silence_s = 20, .hang_s = 0.5, .grace_s = 30};

}  // namespace

TEST_CASE("a rank whose work stands still is named, and the others save theirs before the end", "[sweep]") {
  const Communicator world = Communicator::world();
  const int hanging = world.size() - 1;
  Activity activity;
  Seen seen;
  Heartbeat heartbeat(world, activity, seen.actions());
  heartbeat.on_loss([&](const std::string& why) { seen.why = why; });
  heartbeat.set_limits(kShort);
  const std::string what = fmt::format("train {}", world.rank());
  if (world.rank() == hanging) {
    const Busy busy(activity, what);
    if (hanging == 0) CHECK(within(20, [&] { return seen.ends > 0; }));
    world.barrier();  // for whoever looks from outside it hangs here
  } else {
    {
      const Busy busy(activity, what, /*has_work=*/true);
      const auto works_on = [&] {
        activity.moved();
        return seen.saves > 0;
      };
      CHECK(within(20, works_on));
      const Stopwatch saving;
      CHECK(within(1, [&] { return works_on() && saving.seconds() > 0.6; }));
      CHECK(seen.ends == 0);
    }
    if (world.rank() == 0) CHECK(within(20, [&] { return seen.ends > 0; }));
    world.barrier();
  }
  if (world.rank() == 0) {
    CHECK_THAT(seen.why, ContainsSubstring(fmt::format("rank {} (host ", hanging)) &&
                             ContainsSubstring(fmt::format(") hangs: 'train {}' stands still since ", hanging)) &&
                             ContainsSubstring(" UTC (run.hang_limit)"));
  }
  heartbeat.end();
  CHECK(seen.saves == 1);
  CHECK(seen.ends == (world.rank() == 0 ? 1 : 0));
}

TEST_CASE("ranks that have nothing to save are not waited for", "[ranks]") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) return test::skip("needs two ranks");
  Activity activity;
  Seen seen;
  Heartbeat heartbeat(world, activity, seen.actions());
  heartbeat.set_limits(kShort);
  {
    const Busy busy(activity, "opening the results");  // the last rank hangs, the others wait
    const Stopwatch clock;
    const auto is_over = [&] {
      if (world.rank() < world.size() - 1) activity.moved();
      return world.rank() == 0 ? seen.ends > 0 : clock.seconds() > 8;
    };
    within(kShort.grace_s / 2, is_over);
  }
  CHECK(seen.ends == (world.rank() == 0 ? 1 : 0));
  world.barrier();
  heartbeat.end();
}

TEST_CASE("who makes steps, or waits for others, does not hang", "[sweep]") {
  const Communicator world = Communicator::world();
  Activity activity;
  Seen seen;
  Heartbeat heartbeat(world, activity, seen.actions());
  heartbeat.set_limits(kShort);
  const Stopwatch clock;
  if (world.rank() % 2 == 0) {
    const Busy busy(activity, "label");
    while (clock.seconds() < 1.5) {
      activity.moved();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  } else {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  }
  heartbeat.end();
  CHECK(seen.saves == 0);
}

TEST_CASE("with both limits 0 nobody is watched", "[sweep]") {
  const Communicator world = Communicator::world();
  Activity activity;
  Seen seen;
  Heartbeat heartbeat(world, activity, seen.actions());
  heartbeat.set_limits({.silence_s = 0, .hang_s = 0});
  {
    const Busy busy(activity, "label");
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
  }
  heartbeat.end();
  CHECK(seen.saves == 0);
}

TEST_CASE("ranks that end long before the others are not missed", "[ranks]") {
  const Communicator world = Communicator::world();
  if (world.size() == 1) return test::skip("needs two ranks");
  Activity activity;
  Seen seen;
  Heartbeat heartbeat(world, activity, seen.actions());
  heartbeat.set_limits({.silence_s = 3, .hang_s = 0});
  if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(7));
  heartbeat.end();
  CHECK(seen.saves == 0);
}

TEST_CASE("a worker's steps are what the watch sees", "[sweep]") {
  const Communicator world = Communicator::world();
  const SharedFolder folder(world);
  Plan plan = empty_plan();
  for (int i = 0; i < 8; ++i) act(plan, "works");
  RunDescription run;
  run.deck_text = "[run]\n";
  Store store(world, folder / "sweep.h5", plan, run);
  ActingExecutor study;
  Activity activity;
  const SweepResult result = run_sweep(world, study, plan, store, {.activity = &activity});
  store.close();
  CHECK(result.done == 8);
  const Activity::State state = activity.state();
  CHECK_FALSE(state.busy);
  const auto moves = static_cast<std::int64_t>(state.moves);
  CHECK(world.sum(moves) >= 8 * 4);  // begins, makes a step, emits, rests
  if (moves > 0) CHECK_THAT(state.what, ContainsSubstring("works "));
}
