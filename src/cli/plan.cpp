// `factsweep plan`: the cost of a sweep, from the deck and the files' sizes alone.
#include <fmt/format.h>

#include <cstdio>

#include "deck_arguments.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/device.hpp"
#include "factsweep/plan/describe.hpp"

namespace factsweep::cli {
namespace {

constexpr double kEfficiency =
    0.4;  // share of the matrix-multiply rate that a sweep reaches, for the forecast

}  // namespace

ExitCode plan(const Words& words) {
  const DeckArguments arguments = DeckArguments::parse(words, /*for_plan=*/true);
  const Task task = read_task(arguments, read_file(arguments.path));
  if (arguments.print_deck) {
    fmt::print("{}", task.deck.effective());
    return ExitCode::done;
  }
  const Plan expanded = task.study.expand(task.deck).plan;
  for (const std::string& note : expanded.notes) console::info("{}", note);
  const double rate = kEfficiency * measure_matrix_rate(task.deck.text("model.dtype"));
  fmt::print("{}", describe(expanded, arguments.ranks, rate));
  fmt::print("\nTimes assume {:.0f}% of this machine's matrix-multiply rate on one thread.\n",
             100 * kEfficiency);
  return ExitCode::done;
}

}  // namespace factsweep::cli
