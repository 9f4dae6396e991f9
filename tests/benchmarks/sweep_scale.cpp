// What a sweep of many stages costs beside its work. With RANKS: how well so many are used by the scheduler on a clock, what it
// takes for a stage, and how long a job takes to know what is left of a sweep that another has begun. Without: stages that do
// nothing, run by the ranks of mpirun, with and without the heartbeat.
//
//   sweep_scale STAGES FOLDER [RANKS]     FOLDER: for a results file of about 800 bytes a stage; removed again
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>

#include "factsweep/core/checksum.hpp"
#include "factsweep/core/stopwatch.hpp"
#include "factsweep/store/store.hpp"
#include "factsweep/sweep/heartbeat.hpp"
#include "factsweep/sweep/progress.hpp"
#include "factsweep/sweep/sweep.hpp"
#include "heavy_plans.hpp"

using namespace factsweep;

namespace {

double seconds_of(const auto& work) {
  const Stopwatch clock;
  work();
  return clock.seconds();
}

void schedule(const test::HeavyPlan& heavy, std::size_t ranks) {
  double makespan = 0;
  const double seconds = seconds_of([&] { makespan = test::makespan_of(heavy, ranks); });
  fmt::print("{} stages on {} ranks: {:.1f} % of the shortest possible time, {:.2f} us a stage\n",
             heavy.cost.size(), ranks, 100 * test::shortest_possible(heavy, ranks) / makespan,
             1e6 * seconds / static_cast<double>(heavy.cost.size()));
}

/// Half of the stages, those that come first, are done, and have left five numbers each; what is
/// left is known when they have been looked at and a scheduler has it.
void resume(Plan& plan, const std::filesystem::path& path, const Communicator& world) {
  RunDescription run;
  run.deck_text = "[run]\n";
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    plan.stages[i].key = hex(i);
    plan.stages[i].title = fmt::format("a stage of a heavy plan, number {}", i);
    plan.stages[i].outputs = {{"numbers", {{File::results, "/numbers", {i, 0}, {1, 5}}}}};
  }
  plan.datasets = {{.path = "/numbers", .shape = {plan.stages.size(), 5}}};
  const double create = seconds_of([&] { Store(world, path, plan, run).close(); });
  {
    Store store(world, path, plan, run);
    for (std::size_t i = 0; i < plan.stages.size() / 2; ++i) {
      const std::vector<double> numbers(5, static_cast<double>(i));
      const std::uint64_t sum = store.write(plan.stages[i].outputs.front(), Array::of(numbers));
      store.set_record(i, {Status::done, 1, 0, "", {.results = sum}});
    }
    store.close();
  }
  std::size_t left = 0;
  const double resume = seconds_of([&] {
    Store store(world, path, plan, run);
    std::vector<bool> done(plan.stages.size());
    for (std::size_t i = 0; i < done.size(); ++i) done[i] = store.record(i).status == Status::done;
    const Scheduler scheduler(plan, done);
    const Progress progress(plan, done);
    left = scheduler.counts().ready + scheduler.counts().waiting;
    store.close();
  });
  fmt::print("results file made in {:.2f} s; what is left ({} stages) known in {:.2f} s\n", create,
             left, resume);
}

/// Of what stages leave; of weights, all of them.
void sum_up() {
  const std::vector<std::byte> weights(std::size_t{1} << 28, std::byte{7});
  std::uint64_t sum = 0;
  const std::clock_t start = std::clock();
  for (int turn = 0; turn < 4; ++turn) sum ^= checksum(weights) + static_cast<std::uint64_t>(turn);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  fmt::print("checksum ({:x}): {:.1f} GB a second of processor\n", sum,
             4e-9 * static_cast<double>(weights.size()) / seconds);
}

class NoWork : public Executor {
 public:
  std::vector<std::string> check() override { return {}; }
  void prepare(const std::string&) override {}
  void run(const Plan&, std::size_t, Workbench& bench) override { bench.step(1, 0); }
};

void run_nothing(std::size_t stages, const std::filesystem::path& path, const Communicator& world, bool beats) {
  Plan plan;
  plan.study = "nothing";
  for (std::size_t i = 0; i < stages; ++i) {
    Stage stage;
    stage.kind = stage.title = "nothing";
    stage.key = hex(i);
    stage.cost_flop = 1;
    plan.stages.push_back(std::move(stage));
  }
  RunDescription run;
  run.deck_text = "[run]\n";
  Activity activity;
  std::optional<Heartbeat> heartbeat;
  if (beats) heartbeat.emplace(world, activity);
  Store store(world, path, plan, run);
  NoWork study;
  const std::clock_t start = std::clock();
  const double seconds =
      seconds_of([&] { run_sweep(world, study, plan, store, {.activity = &activity}); });
  const double processor = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  store.close();
  if (heartbeat) heartbeat->end();
  if (world.rank() != 0) return;
  fmt::print("{} stages that do nothing on {} ranks, {} a heartbeat: {:.0f} stages/s, {:.1f} us of rank 0's processor each\n",
             stages, world.size(), beats ? "with" : "without", static_cast<double>(stages) / seconds,
             1e6 * processor / static_cast<double>(stages));
  std::filesystem::remove(path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fputs("usage: sweep_scale STAGES FOLDER [RANKS]\n", stderr);
    return 2;
  }
  const MpiEnvironment mpi(argc, argv);
  const Communicator world = Communicator::world();
  const std::size_t stages = std::strtoull(argv[1], nullptr, 10);
  const std::filesystem::path path = std::filesystem::path(argv[2]) / "sweep_scale.h5";
  if (world.rank() == 0) std::filesystem::remove(path);  // of a run that was cut short
  world.barrier();
  if (argc == 3) {
    for (int turn = 0; turn < 10; ++turn) run_nothing(stages, path, world, turn % 2 == 1);
    return 0;
  }
  test::HeavyPlan heavy = test::heavy_plan(stages, hash_text("heavy tails"));
  schedule(heavy, std::strtoull(argv[3], nullptr, 10));
  resume(heavy.plan, path, world);
  sum_up();
  std::filesystem::remove(path);
  return 0;
}
