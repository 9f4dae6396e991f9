#include "reuse.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "deck_arguments.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/store/earlier.hpp"

namespace factsweep::cli {
namespace {

/// Where the arrays of an earlier sweep lie, its own deck says.
Plan plan_of(const EarlierSweep& earlier, const std::string& file) {
  DeckArguments arguments;
  arguments.path = file + " (its deck)";
  try {
    const Task task = read_task(arguments, earlier.deck());
    return task.study.expand(task.deck).plan;
  } catch (const InputError& error) {
    throw InputError(fmt::format(
        "{} (run.reuse): what it was made from is not there any more, or not as seen from this "
        "folder: {}",
        file, error.what()));
  }
}

/// A variable in run.reuse may be set on rank 0 alone.
std::vector<std::string> earlier_files(const Communicator& world, const Deck& deck) {
  std::istringstream lines(from_root(
      world, [&] { return fmt::format("{}", fmt::join(deck.path_list("run.reuse"), "\n")); }));
  std::vector<std::string> files;
  for (std::string line; std::getline(lines, line);) files.push_back(line);
  return files;
}

void check_study(const Deck& deck, const Plan& plan, const std::string& file,
                 const EarlierSweep& earlier) {
  if (earlier.study() != plan.study)
    throw deck.error("run.reuse", fmt::format("{} holds the study '{}', not '{}'.", file,
                                              earlier.study(), plan.study));
}

void refuse_output(const Deck& deck, const std::string& file, const std::filesystem::path& output) {
  std::error_code different;
  if (std::filesystem::equivalent(file, output, different))
    throw deck.error("run.reuse", file + " is run.output itself.");
}

}  // namespace

std::vector<bool> reusable_stages(const Deck& deck, const Plan& plan) {
  std::vector<bool> reusable(plan.stages.size());
  for (const std::string& file : deck.path_list("run.reuse")) {
    refuse_output(deck, file, deck.text("run.output"));
    const EarlierSweep earlier(file);
    check_study(deck, plan, file, earlier);
    const std::vector<bool> offered = earlier.offers(plan_of(earlier, file), plan);
    for (std::size_t i = 0; i < reusable.size(); ++i) reusable[i] = reusable[i] || offered[i];
  }
  return reusable;
}

void reuse_finished_stages(const Communicator& world, const Deck& deck, const Plan& plan,
                           const std::filesystem::path& output, const RunDescription& run) {
  const std::vector<std::string> files = earlier_files(world, deck);
  if (files.empty()) return;
  Store store(world, output, plan, run);
  for (const std::string& file : files) {
    std::size_t taken = 0;
    on_all(world, [&] {
      refuse_output(deck, file, output);
      const EarlierSweep earlier(file);
      check_study(deck, plan, file, earlier);
      taken = earlier.take_over(world, plan_of(earlier, file), plan, store);
    });
    const std::int64_t all = world.sum(static_cast<std::int64_t>(taken));
    console::info("{} of {} stages taken over from {}", all, plan.stages.size(), file);
  }
  store.close();
}

}  // namespace factsweep::cli
