// `factsweep plan`: the cost of a sweep, from the deck and the files' sizes alone.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "deck_arguments.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/weights.hpp"
#include "factsweep/plan/describe.hpp"

namespace factsweep::cli {
namespace {

constexpr double kEfficiency =
    0.4;  // share of the matrix-multiply rate that a sweep reaches, for the forecast

/// FLOP/s of square matrix products on one thread of this machine, best of a few.
double measure_matrix_rate(torch::Dtype dtype) {
  const std::int64_t n = 768;
  const torch::Tensor a = torch::ones({n, n}, dtype), b = torch::ones({n, n}, dtype);
  at::set_num_threads(1);
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    torch::mm(a, b);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * static_cast<double>(n * n * n) / seconds);
  }
  return best;
}

}  // namespace

ExitCode plan(const Words& words) {
  const DeckArguments arguments = DeckArguments::parse(words, /*for_plan=*/true);
  const Task task = read_task(arguments, read_file(arguments.path));
  if (arguments.print_deck) {
    fmt::print("{}", task.deck.effective());
    return ExitCode::done;
  }
  const Plan expanded = task.study->expand(task.deck);
  for (const std::string& note : expanded.notes) console::info("{}", note);
  const double rate = kEfficiency * measure_matrix_rate(parse_dtype(task.deck.text("model.dtype")));
  fmt::print("{}", describe(expanded, arguments.ranks, rate));
  fmt::print("\nTimes assume {:.0f}% of this machine's matrix-multiply rate on one thread.\n",
             100 * kEfficiency);
  return ExitCode::done;
}

}  // namespace factsweep::cli
