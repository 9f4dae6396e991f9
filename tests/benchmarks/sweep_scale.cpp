// What a sweep of many stages costs beside its work. With RANKS: how well so many are used by the
// scheduler on a clock, what it takes for a stage, and how long a job takes to know what is left of
// a sweep that another has begun. Without: stages that do nothing, run by the ranks of mpirun, with
// and without the heartbeat. With SECONDS (as 1s): stages that sleep so long and tell their
// progress, and how much longer the sweep takes than they. With `labels`: what it takes rank 0 to
// send the labels of 98 029 questions to a rank that asks for them. With `deltas`: so many weight
// deltas of 256 MiB, and dd's writing of as many bytes in the same blocks, in turn.
//
//   sweep_scale STAGES FOLDER [RANKS | SECONDS | labels | deltas]
//
// FOLDER: for a results file of about 800 bytes a stage, or for the deltas; removed again
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <thread>

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

/// Sleeps in steps of a tenth, as a training that tells of each.
class Sleeps : public Executor {
 public:
  explicit Sleeps(double seconds) : seconds_(seconds) {}
  std::vector<std::string> check() override { return {}; }
  void prepare(const std::string&) override {}
  void run(const Plan&, std::size_t, Workbench& bench) override {
    if (seconds_ == 0) return bench.step(1, 0);
    const auto begun = std::chrono::steady_clock::now();
    for (int step = 1; step <= 10; ++step) {
      std::this_thread::sleep_until(begun + std::chrono::duration<double>(0.1 * step * seconds_));
      bench.step(0.1 * step, 100);
    }
  }

 private:
  const double seconds_;
};

Plan plan_of(std::size_t stages) {
  Plan plan;
  plan.study = "nothing";
  for (std::size_t i = 0; i < stages; ++i) {
    Stage stage;
    stage.kind = stage.title = "nothing";
    stage.key = hex(i);
    stage.cost_flop = 1;
    plan.stages.push_back(std::move(stage));
  }
  return plan;
}

struct Taken {
  double seconds = 0;
  double processor = 0;  // seconds, of this rank
};

Taken run_plan(Plan& plan, Executor& study, const std::filesystem::path& path,
               const Communicator& world, bool beats) {
  RunDescription run;
  run.deck_text = "[run]\n";
  Activity activity;
  std::optional<Heartbeat> heartbeat;
  if (beats) heartbeat.emplace(world, activity);
  Store store(world, path, plan, run);
  Taken taken;
  const std::clock_t start = std::clock();
  taken.seconds =
      seconds_of([&] { run_sweep(world, study, plan, store, {.activity = &activity}); });
  taken.processor = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  store.close();
  if (heartbeat) heartbeat->end();
  if (world.rank() == 0) std::filesystem::remove(path);
  return taken;
}

void run_stages(std::size_t stages, double stage_s, const std::filesystem::path& path,
                const Communicator& world, bool beats) {
  Plan plan = plan_of(stages);
  Sleeps study(stage_s);
  const auto [seconds, processor] = run_plan(plan, study, path, world, beats);
  if (world.rank() != 0) return;
  const auto count = static_cast<double>(stages);
  fmt::print(
      "{} stages that {} on {} ranks, {} a heartbeat: {:.0f} stages/s, {:.1f} us of rank 0's "
      "processor each\n",
      stages, stage_s == 0 ? "do nothing" : "sleep", world.size(), beats ? "with" : "without",
      count / seconds, 1e6 * processor / count);
  if (stage_s > 0) {
    const double ideal = std::ceil(count / world.size()) * stage_s;
    fmt::print(
        "{:.2f} s, {:.2f} % more than {:.0f} s; rank 0's processor was busy for {:.2f} % of them\n",
        seconds, 100 * (seconds / ideal - 1), ideal, 100 * processor / seconds);
  }
}

/// Stages with an output emit it, those that stand on such a one ask for it.
class Labels : public Executor {
 public:
  std::vector<std::string> check() override { return {}; }
  void prepare(const std::string&) override {}
  void run(const Plan& plan, std::size_t index, Workbench& bench) override {
    const Stage& stage = plan.stages[index];
    if (!stage.outputs.empty()) bench.emit("labels", labels_);
    for (const std::size_t upstream : stage.upstream) bench.input(upstream, "labels");
  }

  static constexpr std::size_t kQuestions = 98029;

 private:
  const Array labels_{DType::uint8, 0, std::vector<std::byte>(kQuestions, std::byte{3})};
};

void send_labels(std::size_t stages, const std::filesystem::path& path, const Communicator& world) {
  Taken taken[2];  // without those that ask, and with them
  for (const bool asks : {false, true}) {
    Plan plan = plan_of(asks ? 2 * stages : stages);
    for (std::size_t i = 0; i < stages; ++i) {
      plan.stages[i].outputs = {
          {"labels", {{File::results, "/labels", {i, 0}, {1, Labels::kQuestions}}}, true}};
      if (asks) plan.stages[stages + i].upstream = {i};
    }
    plan.datasets = {
        {.path = "/labels", .dtype = DType::uint8, .shape = {stages, Labels::kQuestions}}};
    Labels study;
    taken[asks ? 1 : 0] = run_plan(plan, study, path, world, false);
  }
  if (world.rank() != 0) return;
  const double scale = 1e6 / static_cast<double>(stages);
  fmt::print("labels of {} questions, asked for {} times: {:.0f} us each, {:.0f} of rank 0\n",
             Labels::kQuestions, stages, scale * (taken[1].seconds - taken[0].seconds),
             scale * (taken[1].processor - taken[0].processor));
}

/// Deltas of so many tensors, one a stage, as trainings write them: each tensor a row of its
/// dataset.
double deltas_written(std::size_t deltas, std::size_t tensors, std::uint64_t bytes,
                      const std::filesystem::path& path, const Communicator& world) {
  Plan plan;
  plan.study = "deltas";
  for (std::size_t i = 0; i < deltas; ++i) {
    Stage stage;
    stage.kind = stage.title = "train";
    stage.key = hex(i);
    Output output{.name = "delta"};
    for (std::size_t tensor = 0; tensor < tensors; ++tensor)
      output.places.push_back(
          {File::weights, fmt::format("/tensor_{}", tensor), {i, 0}, {1, bytes / 2}});
    stage.outputs.push_back(std::move(output));
    plan.stages.push_back(std::move(stage));
  }
  for (std::size_t tensor = 0; tensor < tensors; ++tensor)
    plan.datasets.push_back({.file = File::weights,
                             .path = fmt::format("/tensor_{}", tensor),
                             .dtype = DType::bfloat16,
                             .shape = {deltas, bytes / 2}});
  RunDescription run;
  run.deck_text = "[run]\n";
  Store store(world, path, plan, run);
  const Array tensor{DType::bfloat16, 0, std::vector<std::byte>(bytes, std::byte{7})};
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < deltas; ++i) {
      StageRecord done{Status::done, 1, 0, "", {}};
      for (const Slab& place : plan.stages[i].outputs.front().places)
        done.sums.weights += store.write(Output{.name = "delta", .places = {place}}, tensor);
      store.set_record(i, done);
    }
    store.close();  // flushes the files to the disk
  });
  std::filesystem::remove(path);
  std::filesystem::remove(weights_path(path));
  return seconds;
}

void write_deltas(std::size_t deltas, const std::filesystem::path& path,
                  const Communicator& world) {
  constexpr std::size_t kTensors = 32;
  constexpr std::uint64_t kBytes = std::uint64_t{8} << 20;
  const std::filesystem::path copy = path.string() + ".dd";
  const std::string dd =
      fmt::format("dd if=/dev/zero of='{}' bs={} count={} conv=fdatasync status=none",
                  copy.string(), kBytes, deltas * kTensors);
  const double megabytes = 1e-6 * static_cast<double>(deltas * kTensors * kBytes);
  for (int turn = 0; turn < 5; ++turn) {
    const double ours = megabytes / deltas_written(deltas, kTensors, kBytes, path, world);
    int code = 0;
    const double theirs = megabytes / seconds_of([&] { code = std::system(dd.c_str()); });
    std::filesystem::remove(copy);
    require(code == 0, "dd failed");
    fmt::print("{} deltas, {:.0f} MB: {:.0f} MB/s; dd {:.0f} MB/s; {:.2f} of it\n", deltas,
               megabytes, ours, theirs, ours / theirs);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fputs("usage: sweep_scale STAGES FOLDER [RANKS | SECONDS | labels | deltas]\n", stderr);
    return 2;
  }
  const MpiEnvironment mpi(argc, argv);
  const Communicator world = Communicator::world();
  const std::size_t stages = std::strtoull(argv[1], nullptr, 10);
  const std::filesystem::path path = std::filesystem::path(argv[2]) / "sweep_scale.h5";
  if (world.rank() == 0) std::filesystem::remove(path);  // of a run that was cut short
  world.barrier();
  const std::string mode = argc > 3 ? argv[3] : "";
  if (mode.empty()) {
    for (int turn = 0; turn < 10; ++turn) run_stages(stages, 0, path, world, turn % 2 == 1);
    return 0;
  }
  if (mode == "labels") {
    for (int turn = 0; turn < 5; ++turn) send_labels(stages, path, world);
    return 0;
  }
  if (mode == "deltas") {
    write_deltas(stages, path, world);
    return 0;
  }
  if (mode.ends_with("s")) {
    run_stages(stages, std::stod(mode), path, world, true);
    return 0;
  }
  test::HeavyPlan heavy = test::heavy_plan(stages, hash_text("heavy tails"));
  schedule(heavy, std::stoull(mode));
  resume(heavy.plan, path, world);
  sum_up();
  std::filesystem::remove(path);
  return 0;
}
