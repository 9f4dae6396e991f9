#include "reuse.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <optional>
#include <sstream>

#include "deck_arguments.hpp"
#include "factsweep/core/console.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/store/earlier.hpp"

namespace factsweep::cli {
namespace {

bool is_there(const std::string& path) {
  std::error_code no_matter;
  return std::filesystem::exists(path, no_matter);
}

/// Where `now` has what the earlier deck's path was: a path of the same last name, or the one in
/// its place; else where it was.
std::string moved_path(const std::vector<std::string>& was, std::size_t i,
                       const std::vector<std::string>& now) {
  const auto name = [](const std::string& path) {
    return std::filesystem::path(path).lexically_normal().filename();
  };
  for (const std::string& path : now) {
    if (name(path) == name(was[i])) return path;
  }
  return now.size() == was.size() ? now[i] : was[i];
}

/// The earlier deck with places of `now`: of what is not there any more, or of all.
Deck moved_deck(const Deck& earlier, const Deck& now, bool all) {
  Deck moved = earlier;
  for (const std::string& key : earlier.places()) {
    const std::vector<std::string> was = earlier.places(key);
    std::vector<std::string> is = was;
    for (std::size_t i = 0; i < was.size(); ++i) {
      if (all || !is_there(was[i])) is[i] = moved_path(was, i, now.places(key));
    }
    if (is != was) moved = moved.with_places(key, is);
  }
  return moved;
}

std::vector<std::string> moves(const Deck& from, const Deck& to) {
  std::vector<std::string> list;
  for (const std::string& key : from.places()) {
    const std::vector<std::string> was = from.places(key), is = to.places(key);
    if (is != was)
      list.push_back(fmt::format("{} is at {} now, and was at {}", key, fmt::join(is, ", "),
                                 fmt::join(was, ", ")));
  }
  return list;
}

/// Where the arrays of an earlier sweep lie, its own deck says. What it names may have moved since:
/// to where this sweep's deck has it. Which of both is right, the stages' keys tell.
Plan plan_of(const EarlierSweep& earlier, const std::string& file, const Deck& now) {
  DeckArguments arguments;
  arguments.path = file + " (its deck)";
  const Task task = read_task(arguments, earlier.deck());
  const std::vector<Deck> decks = {task.deck, moved_deck(task.deck, now, /*all=*/false),
                                   moved_deck(task.deck, now, /*all=*/true)};
  std::optional<Plan> other;  // the first that is not the sweep's
  std::string missing;
  for (std::size_t i = 0; i < decks.size(); ++i) {
    const Deck& deck = decks[i];
    if (i > 0 && moves(decks[i - 1], deck).empty()) continue;
    try {
      Plan plan = task.study.expand(deck).plan;
      if (earlier.is_of(plan)) {
        for (const std::string& move : moves(task.deck, deck))
          console::info("{} (run.reuse): {}: it holds the same", file, move);
        return plan;
      }
      if (!other) other = std::move(plan);
    } catch (const InputError& error) {
      if (missing.empty()) missing = error.what();
    }
  }
  if (other) return *other;  // what has changed of it, EarlierSweep tells
  throw InputError(fmt::format(
      "{} (run.reuse): what it was made from is not there any more, or not as seen from this "
      "folder, nor where this deck has it: {}",
      file, missing));
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
    throw deck.error("run.reuse", fmt::format(": {} holds the study '{}', not '{}'.", file,
                                              earlier.study(), plan.study));
}

void refuse_output(const Deck& deck, const std::string& file, const std::filesystem::path& output) {
  std::error_code different;
  if (std::filesystem::equivalent(file, output, different))
    throw deck.error("run.reuse", ": " + file + " is run.output itself.");
}

}  // namespace

std::vector<bool> reusable_stages(const Deck& deck, const Plan& plan) {
  std::vector<bool> reusable(plan.stages.size());
  for (const std::string& file : deck.path_list("run.reuse")) {
    refuse_output(deck, file, deck.text("run.output"));
    const EarlierSweep earlier(file);
    check_study(deck, plan, file, earlier);
    const std::vector<bool> offered = earlier.offers(plan_of(earlier, file, deck), plan);
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
    EarlierSweep::Taken taken;
    on_all(world, [&] {
      refuse_output(deck, file, output);
      const EarlierSweep earlier(file);
      check_study(deck, plan, file, earlier);
      taken = earlier.take_over(world, plan_of(earlier, file, deck), plan, store);
    });
    const std::int64_t all = world.sum(static_cast<std::int64_t>(taken.stages)),
                       changed = world.sum(static_cast<std::int64_t>(taken.changed));
    console::info("{} of {} stages taken over from {}", all, plan.stages.size(), file);
    if (changed > 0)
      console::warn("{} of its stages are computed anew: the disk has changed what they wrote",
                    changed);
  }
  store.close();
}

}  // namespace factsweep::cli
