// Scheduler and simulate_makespan: the properties of a list schedule, failures, resuming, and size.
#include "factsweep/plan/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <set>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "heavy_plans.hpp"

using namespace factsweep;

namespace {

std::size_t add(Plan& plan, double cost, std::vector<std::size_t> upstream = {}) {
  Stage stage;
  stage.kind = "work";
  stage.configuration = {{"index", plan.stages.size()}};
  stage.cost_flop = cost;
  stage.upstream = std::move(upstream);
  return plan.add_stage(std::move(stage));
}

Plan random_plan(std::size_t stages, CounterRandom& random) {
  Plan plan;
  for (std::size_t i = 0; i < stages; ++i) {
    std::set<std::size_t> upstream;
    for (std::uint64_t k = random.below(4); k > 0 && i > 0; --k) upstream.insert(random.below(i));
    add(plan, 1.0 + static_cast<double>(random.below(9)), {upstream.begin(), upstream.end()});
  }
  return plan;
}

std::size_t total(const Scheduler::Counts& c) {
  return c.waiting + c.ready + c.running + c.done + c.failed + c.blocked;
}

/// The longest downstream chain by its definition, slow.
double chain(const Plan& plan, std::size_t stage) {
  double longest = 0;
  for (std::size_t i = stage + 1; i < plan.stages.size(); ++i) {
    const auto& upstream = plan.stages[i].upstream;
    if (std::count(upstream.begin(), upstream.end(), stage) > 0)
      longest = std::max(longest, chain(plan, i));
  }
  return plan.stages[stage].cost_flop + longest;
}

/// Wall-clock seconds of work().
double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("stages come after their upstream ones, longest chain first, each once", "[plan]") {
  CounterRandom random(hash_text("scheduler order"));
  for (int round = 0; round < 50; ++round) {
    const Plan plan = random_plan(14, random);
    Scheduler scheduler(plan);
    std::set<std::size_t> done;
    std::set<std::size_t> running;
    while (!scheduler.finished()) {
      // Ready by definition: not handed out, and all upstream stages done.
      std::vector<std::size_t> ready;
      for (std::size_t i = 0; i < plan.stages.size(); ++i) {
        const auto& upstream = plan.stages[i].upstream;
        const bool free =
            std::all_of(upstream.begin(), upstream.end(), [&](auto u) { return done.contains(u); });
        if (free && !done.contains(i) && !running.contains(i)) ready.push_back(i);
      }
      CHECK(scheduler.counts().ready == ready.size());
      CHECK(scheduler.counts().running == running.size());
      CHECK(total(scheduler.counts()) == plan.stages.size());
      const bool take = running.empty() || (!ready.empty() && random.below(2) == 0);
      if (take) {
        const auto best = std::max_element(
            ready.begin(), ready.end(),
            [&](std::size_t a, std::size_t b) { return chain(plan, a) < chain(plan, b); });
        const auto stage = scheduler.next();
        REQUIRE(stage.has_value());
        CHECK(*stage == *best);  // max_element keeps the first of equals: the lowest index
        running.insert(*stage);
      } else {
        const std::size_t ended = *running.begin();
        running.erase(ended);
        done.insert(ended);
        scheduler.complete(ended);
      }
    }
    CHECK(done.size() == plan.stages.size());
    CHECK_FALSE(scheduler.next().has_value());
  }
}

TEST_CASE("a failure blocks what depends on it, and nothing else", "[plan]") {
  Plan plan;
  const std::size_t a = add(plan, 3);
  const std::size_t b = add(plan, 1);
  const std::size_t on_a = add(plan, 1, {a});
  const std::size_t on_both = add(plan, 1, {on_a, b});
  const std::size_t on_b = add(plan, 1, {b});
  Scheduler scheduler(plan);
  REQUIRE(scheduler.next() == a);
  REQUIRE(scheduler.next() == b);
  CHECK_FALSE(scheduler.next().has_value());
  CHECK(scheduler.fail(a) == std::vector<std::size_t>{on_a, on_both});
  CHECK(scheduler.counts().blocked == 2);
  CHECK_FALSE(scheduler.finished());
  scheduler.complete(b);
  REQUIRE(scheduler.next() == on_b);
  CHECK(scheduler.fail(on_b).empty());
  CHECK(scheduler.finished());
  CHECK(scheduler.counts().failed == 2);
  CHECK(scheduler.counts().done == 1);
  CHECK(scheduler.counts().waiting == 0);
}

TEST_CASE("a second failure does not report what is blocked already", "[plan]") {
  Plan plan;
  const std::size_t a = add(plan, 1);
  const std::size_t b = add(plan, 1);
  const std::size_t on_both = add(plan, 1, {a, b});
  Scheduler scheduler(plan);
  scheduler.next();
  scheduler.next();
  CHECK(scheduler.fail(a) == std::vector<std::size_t>{on_both});
  CHECK(scheduler.fail(b).empty());
  CHECK(scheduler.counts().blocked == 1);
}

TEST_CASE("what an earlier run did is not done again and lengthens no chain", "[plan]") {
  Plan plan;
  const std::size_t a = add(plan, 1);
  const std::size_t long_done = add(plan, 100, {a});
  const std::size_t b = add(plan, 2);
  const std::size_t after = add(plan, 5, {long_done});
  Scheduler scheduler(plan, {false, true, false, false});
  CHECK(scheduler.counts().done == 1);
  CHECK(scheduler.next() == after);
  CHECK(scheduler.next() == b);
  CHECK(scheduler.next() == a);
  scheduler.complete(a);
  CHECK_FALSE(scheduler.next().has_value());
  CHECK(Scheduler(plan, {true, true, true, true}).finished());
}

TEST_CASE("completing a stage that is not running is our own bug", "[plan]") {
  Plan plan;
  add(plan, 1);
  Scheduler scheduler(plan);
  CHECK_THROWS_AS(scheduler.complete(0), BugError);
  scheduler.next();
  scheduler.complete(0);
  CHECK_THROWS_AS(scheduler.fail(0), BugError);
}

TEST_CASE("the simulated time is that of a list schedule", "[plan]") {
  Plan chain_plan;
  add(chain_plan, 10);
  add(chain_plan, 20, {0});
  add(chain_plan, 5);
  CHECK(simulate_makespan(chain_plan, 1, 5) == 7);
  CHECK(simulate_makespan(chain_plan, 2, 5) == 6);
  CHECK(simulate_makespan(chain_plan, 100, 5) == 6);
  CHECK(simulate_makespan(Plan{}, 3, 1) == 0);

  // Graham: never more than work / ranks + (1 - 1 / ranks) * longest chain, and never less than
  // either bound. Without idle ranks beside ready stages this holds for every graph.
  CounterRandom random(hash_text("makespan bounds"));
  for (int round = 0; round < 200; ++round) {
    const Plan plan = random_plan(60, random);
    double work = 0;
    for (const Stage& stage : plan.stages) work += stage.cost_flop;
    const auto paths = critical_path_flop(plan);
    const double longest = *std::max_element(paths.begin(), paths.end());
    for (const int ranks : {1, 2, 3, 7}) {
      const double makespan = simulate_makespan(plan, ranks, 1);
      CHECK(makespan >= std::max(work / ranks, longest) - 1e-9);
      CHECK(makespan <= work / ranks + (1 - 1.0 / ranks) * longest + 1e-9);
    }
  }
}

TEST_CASE("a million stages on ten thousand ranks are simulated in seconds", "[plan]") {
  CounterRandom random(hash_text("a million stages"));
  Plan plan;  // built by hand: hashing a million keys is not what is measured here
  plan.stages.resize(1'000'000);
  double work = 0;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    plan.stages[i].cost_flop = 1 + random.uniform();
    work += plan.stages[i].cost_flop;
    if (i % 4 != 0) plan.stages[i].upstream = {i - 1};         // chains of four
    if (i % 8 == 4) plan.stages[i].upstream = {i - 4, i - 2};  // that lean on each other
  }
  double makespan = 0;
  const double seconds = seconds_of([&] { makespan = simulate_makespan(plan, 10'000, 1); });
  INFO("took " << seconds << " s");
  CHECK(makespan >= work / 10'000);
  CHECK(makespan < 1.1 * work / 10'000);
  CHECK(seconds < 20);
}

TEST_CASE("thousands of ranks are kept busy though costs are heavy-tailed and forecasts wrong", "[plan]") {
  const test::HeavyPlan heavy = test::heavy_plan(1'000'000, hash_text("heavy tails"));
  for (const std::size_t ranks : {10'000, 2'000}) {  // the longest chain decides, and the work
    const std::clock_t start = std::clock();  // of the processor: other programs may run
    const double makespan = test::makespan_of(heavy, ranks);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    const double used = test::shortest_possible(heavy, ranks) / makespan;
    INFO(ranks << " ranks: used " << used << ", "
               << 1e6 * seconds / static_cast<double>(heavy.cost.size()) << " us a stage");
    CHECK(used >= 0.97);
    CHECK(used <= 1 + 1e-9);
    CHECK(seconds < 20e-6 * static_cast<double>(heavy.cost.size()));
  }
}

TEST_CASE("a stage that is handed back is ready again, and no dependant notices") {
  Plan plan;
  add(plan, 1);
  add(plan, 3);
  add(plan, 1, {1});
  Scheduler scheduler(plan);
  CHECK(scheduler.next() == 1);
  CHECK(scheduler.next() == 0);
  CHECK_FALSE(scheduler.next());
  scheduler.give_back(1);
  CHECK(scheduler.counts().ready == 1);
  CHECK(scheduler.counts().running == 1);
  CHECK(total(scheduler.counts()) == 3);
  CHECK(scheduler.next() == 1);
  scheduler.complete(1);
  CHECK(scheduler.next() == 2);
}
