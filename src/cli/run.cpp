// `factsweep run`: read the deck, plan, open the store, run, report.
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <hdf5.h>
#include <mpi.h>
#include <torch/version.h>

#include "deck_arguments.hpp"
#include "device_report.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/common_options.hpp"
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
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  run.versions = {{"libtorch", TORCH_VERSION},
                  {"hdf5", fmt::format("{}.{}.{}", major, minor, release)},
                  {"mpi", fmt::format("{}.{}", MPI_VERSION, MPI_SUBVERSION)}};
  return run;
}

ExitCode run_deck(const Communicator& world, const Words& words) {
  const DeckArguments arguments = DeckArguments::parse(words, /*for_plan=*/false);
  std::string text;
  on_root(world, [&] { text = read_file(arguments.path); });
  world.broadcast(text, 0);
  const Task task = read_task(arguments, text);
  const Deck& deck = task.deck;
  if (arguments.print_deck) {
    if (world.rank() == 0) fmt::print("{}", deck.effective());
    return ExitCode::done;
  }
  install_stop_signals();
  at::set_num_threads(static_cast<int>(deck.integer("run.threads")));

  Plan plan;
  on_all(world, [&] { plan = task.study->expand(deck); });
  const torch::Device device = report_device(world, deck);
  console::info("{}: {} points, {} stages, {} ranks on {}", arguments.path, plan.points.size(),
                plan.stages.size(), world.size(), device.str());

  const std::filesystem::path output = deck.text("run.output");
  const std::filesystem::path checkpoints = output.string() + ".checkpoints";
  // checkpoints of a results file that is gone would leave holes in a new one
  on_root(world, [&] {
    std::error_code no_matter;  // an impossible path is the store's to report
    if (!std::filesystem::exists(output, no_matter))
      std::filesystem::remove_all(checkpoints, no_matter);
  });
  const RunDescription description = describe_run(deck, words, world.size());
  reuse_finished_stages(world, deck, plan, description);
  Store store(world, output, plan, description);
  on_all(world, [&] { task.study->prepare(deck, device); });

  on_root(world, [&] { std::filesystem::create_directories(checkpoints); });
  const SweepResult result =
      run_sweep(world, *task.study, plan, store, {deck.seconds("run.wall_limit"), checkpoints});
  world.barrier();
  on_root(world, [&] {
    print_results(plan, store, task.study->headline());
    // a kill may have left a half-written checkpoint behind; failed stages may still want theirs
    std::error_code ignored;
    if (result.left + result.failed + result.blocked == 0)
      std::filesystem::remove_all(checkpoints, ignored);
    console::info("{} stages done, {} failed, {} blocked, {} left. Results: {}", result.done,
                  result.failed, result.blocked, result.left, output.string());
    if (result.stopped)
      console::info("Stopped before the end. The same command goes on from here.");
  });
  store.close();
  return result.exit_code();
}

}  // namespace

ExitCode run(int& argc, char**& argv, const Words& words) {
  const MpiEnvironment mpi(argc, argv);
  const Communicator world = Communicator::world();
  console::set_rank(world.rank(), world.size());
  try {
    return run_deck(world, words);
  } catch (const InputError& error) {
    // raised on every rank alike: one message, and an orderly end
    if (world.rank() == 0) console::write_error(error.what());
    return ExitCode::input;
  } catch (const EnvironmentError& error) {
    if (world.rank() == 0) console::write_error(error.what());
    return ExitCode::environment;
  }
}

}  // namespace factsweep::cli
