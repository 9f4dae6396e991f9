// `factsweep plan`: the cost of a sweep, from the deck and the files' sizes alone.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "deck_arguments.hpp"
#include "factsweep/cli/commands.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/training_rate.hpp"
#include "factsweep/plan/describe.hpp"
#include "factsweep/plan/machine.hpp"
#include "factsweep/plan/seen.hpp"
#include "factsweep/store/store.hpp"
#include "reuse.hpp"

namespace factsweep::cli {
namespace {

/// Share of a data sheet's rate of products that a sweep reaches.
constexpr double kEfficiency = 0.4;
/// Share of the rate of passes alone: a stage reads and writes weights beside them, and begins.
constexpr double kOfPasses = 0.85;

/// What sweeps have seen of their own cost: those that --seen names; else, unless another device is
/// planned for, this deck's own and those that it takes over from.
struct Experience {
  SeenKinds seen;
  std::vector<std::string> files;
};

Experience experience_of(const DeckArguments& arguments, const Deck& deck) {
  Experience experience{{}, arguments.seen};
  if (experience.files.empty() && arguments.device.empty()) {
    experience.files = deck.path_list("run.reuse");
    if (std::error_code no_matter; std::filesystem::exists(deck.text("run.output"), no_matter))
      experience.files.push_back(deck.text("run.output"));
  }
  for (const std::string& file : experience.files) {
    for (const auto& [kind, seen] : read_seen(file)) experience.seen[kind].join(seen);
  }
  return experience;
}

/// How fast a rank is, and in words why.
struct Rate {
  Pace pace;
  std::string because;
};

/// The folder of the first model that the sweep starts from: of grid.model, where it is swept.
std::string first_model(const Plan& plan, const Deck& deck) {
  for (const Input& input : plan.inputs) {
    if (input.name == "model.path" || input.name.starts_with("grid.model ")) return input.place;
  }
  return deck.text("model.path");
}

Rate rate_of(const DeckArguments& arguments, const Experience& experience, const std::string& model,
             const std::string& dtype) {
  if (arguments.flops > 0)
    return {arguments.flops, fmt::format("{:.3g} FLOP/s a rank, as --flops says", arguments.flops)};
  if (has_pace(experience.seen)) {
    const Pace pace(experience.seen);
    std::vector<std::string> kinds;
    for (const auto& [kind, rate] : pace.of_kind)
      kinds.push_back(fmt::format("{} {:.3g}", kind, rate));
    return {pace, fmt::format("the FLOP/s of a rank in {}: {}; other stages {:.3g}",
                              fmt::join(experience.files, ", "), fmt::join(kinds, ", "),
                              pace.flop_per_second)};
  }
  if (!arguments.device.empty()) {
    const Machine& machine = machine_of(arguments.device);
    const double peak = dtype == "bfloat16" ? machine.bfloat16 : machine.float32;
    return {kEfficiency * peak / arguments.ranks_per_device,
            fmt::format("{:.0f}% of the {:.3g} FLOP/s in {} that {} has by its data sheet",
                        100 * kEfficiency, peak, dtype, machine.name)};
  }
  return {kOfPasses * measure_training_rate(ModelConfig::read(model), dtype, arguments.ranks),
          fmt::format(
              "{:.0f}% of the rate at which one thread of this machine trains layers as wide as "
              "the model's in {}, measured now, with as many at once as there are ranks, or cores",
              100 * kOfPasses, dtype)};
}

std::string fit_line(const DeckArguments& arguments, const Plan& plan,
                     const std::vector<bool>& done) {
  const double memory = arguments.device_memory > 0   ? arguments.device_memory
                        : !arguments.device.empty() ? machine_of(arguments.device).memory
                                                      : 0;
  if (memory == 0) return "";
  const Need need = need_of(plan, done);
  const std::string lacks = what_does_not_fit(need, memory, arguments.ranks_per_device);
  if (!lacks.empty()) return fmt::format("\nDoes not fit: {}\n", lacks);
  return fmt::format("\nFits: of {} on a device, {} needed by {}.\n", console::bytes(memory),
                     console::bytes(arguments.ranks_per_device * need.most),
                     console::counted(arguments.ranks_per_device, "rank"));
}

}  // namespace

ExitCode plan(const Words& words) {
  if (asks_for_help(words)) {
    print_deck_help(/*for_plan=*/true);
    return ExitCode::done;
  }
  const DeckArguments arguments = DeckArguments::parse(words, /*for_plan=*/true);
  const Task task = read_task(arguments, read_file(arguments.path));
  const Deck& deck = task.deck;
  if (arguments.print_deck) {
    fmt::print("{}", deck.effective());
    return ExitCode::done;
  }
  Expansion expansion = task.study.expand(deck);
  Plan& expanded = expansion.plan;
  for (const std::string& note : expanded.notes) console::info("{}", note);
  for (const std::string& lack : expansion.executor->check())
    console::warn("{} A plan can do without; a run cannot.", lack);
  const std::vector<bool> done = reusable_stages(deck, expanded);
  if (const auto count = std::count(done.begin(), done.end(), true); count > 0) {
    console::info("{} of {} stages are taken over (run.reuse); the tables count the others.", count,
                  done.size());
  }
  if (arguments.device.empty() && arguments.device_memory == 0) expect_cpu(expanded);
  const Experience experience = experience_of(arguments, deck);
  expect_memory(expanded, experience.seen);
  const Rate rate =
      rate_of(arguments, experience, first_model(expanded, deck), deck.text("model.dtype"));
  fmt::print("{}", describe(expanded, arguments.ranks, rate.pace, done));
  for (const std::string& weights : {expanded.kept, expanded.not_kept}) {
    if (!weights.empty()) fmt::print("\n{}\n", weights);
  }
  fmt::print("{}\nTimes assume {}.\n", fit_line(arguments, expanded, done), rate.because);
  return ExitCode::done;
}

}  // namespace factsweep::cli
