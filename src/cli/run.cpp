// `factsweep run`: read the deck, plan, open the store, run, report.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mpi.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "deck_arguments.hpp"
#include "device_report.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/cli/guard.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/mpi/shared_texts.hpp"
#include "factsweep/sweep/heartbeat.hpp"
#include "factsweep/sweep/stop.hpp"
#include "factsweep/sweep/sweep.hpp"
#include "results_table.hpp"
#include "reuse.hpp"

namespace factsweep::cli {
namespace {

RunDescription describe_run(const Deck& deck, const Words& words, int ranks) {
  RunDescription run;
  run.deck_text = deck.effective();
  run.science = deck.science();
  run.command_line = fmt::format("factsweep run {}", fmt::join(words, " "));
  run.ranks = ranks;
  run.versions = {{"libtorch", libtorch_version()}, {"hdf5", hdf5_version()}, {"mpi", mpi_standard()}};
  return run;
}

ExitCode run_deck(const Communicator& world, const Words& words, Activity& activity,
                  Heartbeat& heartbeat, Survivors& survivors) {
  const DeckArguments arguments = DeckArguments::parse(words, /*for_plan=*/false);
  const Task task =
      read_task(arguments, from_root(world, [&] { return read_file(arguments.path); }));
  const Deck& deck = task.deck;
  if (arguments.print_deck) {
    if (world.rank() == 0) fmt::print("{}", deck.effective());
    return ExitCode::done;
  }
  use_threads(static_cast<int>(deck.integer("run.threads")));
  heartbeat.set_limits({.silence_s = deck.seconds("run.silence_limit"),
                        .hang_s = deck.seconds("run.hang_limit")});

  Expansion expansion;
  on_all_with_shared_texts(world, [&] {
    const Busy busy(activity, "planning");
    expansion = task.study.expand(deck);
    for (const std::string& lack : expansion.executor->check()) throw InputError(lack);
  });
  const Plan& plan = expansion.plan;
  for (const std::string& note : plan.notes) console::info("{}", note);
  const ChosenDevice device = [&] {
    const Busy busy(activity, "looking for devices");
    return report_device(world, deck);
  }();
  if (device.name == "cpu") expect_cpu(expansion.plan);
  const auto of_plan = [](std::size_t size, std::string_view noun) {
    return console::counted(static_cast<std::int64_t>(size), noun);
  };
  console::info("{}: {}, {}, {} on {}", arguments.path, of_plan(plan.points.size(), "point"),
                of_plan(plan.stages.size(), "stage"), console::counted(world.size(), "rank"),
                device.name);

  // a variable in it may be set on rank 0 alone
  const std::filesystem::path output = from_root(world, [&] { return deck.text("run.output"); });
  const std::filesystem::path checkpoints = output.string() + ".checkpoints";
  // checkpoints of a results file that is gone would leave holes in a new one
  on_root(world, [&] {
    std::error_code no_matter;  // an impossible path is the store's to report
    if (!std::filesystem::exists(output, no_matter))
      std::filesystem::remove_all(checkpoints, no_matter);
  });
  const RunDescription description = describe_run(deck, words, world.size());
  reuse_finished_stages(world, deck, plan, output, description);
  std::optional<Store> opened;
  {
    const Busy busy(activity, "opening the results");
    opened.emplace(world, output, plan, description);
  }
  Store& store = *opened;
  heartbeat.on_loss([output](const std::string& why) { leave_word(output, why); });
  for (const std::string& note : store.notes()) console::info("{}", note);
  if (world.sum(stop_signalled() ? 1 : 0) > 0) {
    store.close();
    console::info("Stopped before the first stage. The same command goes on from here.");
    return ExitCode::stopped;
  }
  std::vector<bool> done(plan.stages.size());
  for (std::size_t i = 0; i < done.size(); ++i) done[i] = store.record(i).status == Status::done;
  check_memory(world, device, need_of(plan, done));
  take_peak_memory(device.name);  // what is held from here on is models' and stages'
  on_all(world, [&] {
    const Busy busy(activity, "loading what the stages share");
    expansion.executor->prepare(device.name);
  });

  on_root(world, [&] { std::filesystem::create_directories(checkpoints); });
  const SweepResult result =
      run_sweep(world, *expansion.executor, plan, store,
                {.wall_limit_s = deck.seconds("run.wall_limit"),
                 .checkpoint_folder = checkpoints,
                 .machine_fault = [&] { return device_fault(device.name); },
                 .take_peak_memory = [&] { return take_peak_memory(device.name); },
                 .activity = &activity,
                 .survivors = &survivors});
  const auto tell = [&] {
    const Busy busy(activity, "reading the results");
    print_results(plan, store, task.study.headline);
    // a kill may have left a half-written checkpoint behind; failed stages may still want theirs
    std::error_code ignored;
    if (result.left + result.failed + result.blocked == 0)
      std::filesystem::remove_all(checkpoints, ignored);
    console::info("{} stages done, {} failed, {} blocked, {} left. Results: {}", result.done,
                  result.failed, result.blocked, result.left, output.string());
    if (result.stopped)
      console::info("Stopped before the end. The same command goes on from here.");
    if (!plan.not_kept.empty()) console::info("{}", plan.not_kept);
  };
  if (result.has_losses) {
    if (world.rank() == 0) tell();
    const Busy busy(activity, "closing the results");
    store.leave();
  } else {
    world.barrier();
    on_root(world, tell);
    const Busy busy(activity, "closing the results");
    store.close();
  }
  if (!result.fault.empty()) {
    throw EnvironmentError(fmt::format(
        "no rank is left that can work: {} What is done stays good; the same command goes on from "
        "here when the machine is well.",
        result.fault));
  }
  return result.exit_code();
}

/// An error that every rank has met is one message and an orderly end. Where one rank alone has met
/// it the others wait for that rank in some collective, for ever: it ends them.
ExitCode end_job(const Communicator& farewell, const std::exception& error) {
  constexpr double kPatience = 10;  // seconds between the first rank's end and the last one's
  const ExitCode code = exit_code(error);
  const bool together = farewell.all_arrive(kPatience);
  if (!together || farewell.rank() == 0) report(error);
  const bool stuck = code == ExitCode::environment && files_left_open();
  // rank 0 has the word
  if (stuck && farewell.rank() > 0) farewell.all_arrive(kPatience);
  if (stuck || !together) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  return code;
}

}  // namespace

ExitCode run(int& argc, char**& argv, const Words& words) {
  if (asks_for_help(words)) {
    print_deck_help(/*for_plan=*/false);
    return ExitCode::done;
  }
  console::date_lines();
  install_stop_signals();  // a job may be told to stop while MPI starts
  const MpiEnvironment mpi(argc, argv);
  const Communicator world = Communicator::world();
  console::set_rank(world.rank(), world.size());
  end_with_launcher();
  const Communicator farewell = world.duplicate();
  Activity activity;
  Survivors survivors(world.size(), launcher_lets_survivors_live());
  Heartbeat heartbeat(world, activity, {.go_on_without = [&](int rank, const std::string& why) {
                        return survivors.leave_behind(rank, why);
                      }});
  ExitCode code = ExitCode::done;
  try {
    code = run_deck(world, words, activity, heartbeat, survivors);
  } catch (const std::exception& error) {
    code = end_job(farewell, error);
  }
  heartbeat.end();
  if (survivors.any_lost()) {  // MPI's end waits for all ranks
    std::fflush(nullptr);
    std::_Exit(static_cast<int>(code));
  }
  return code;
}

}  // namespace factsweep::cli
