// A study says what a deck means: it expands a deck into a plan, and has the executor that
// computes the plan's stages. Neither sees MPI or HDF5, and nothing outside a study knows any
// study's name but the registry.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/plan/plan.hpp"
#include "factsweep/stage/workbench.hpp"

namespace factsweep {

/// A rank at work: what was read once (questions, models) and serves every stage.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Called once before prepare(), and by `plan`: what would keep stages from running of the models,
  /// as far as is known without reading their weights. InputError. Returns what is missing that a
  /// plan can do without, a sentence each.
  virtual std::vector<std::string> check() = 0;
  /// Called once before the first run(), on each rank: loads what stages share. `device` is "cpu"
  /// or "cuda:1". InputError.
  virtual void prepare(const std::string& device) = 0;
  /// Computes one stage of the plan that this executor was expanded with.
  virtual void run(const Plan& plan, std::size_t stage, Workbench& bench) = 0;
};

struct Expansion {
  Plan plan;
  std::unique_ptr<Executor> executor;
};

struct Study {
  std::string name;
  /// This study's own deck keys ([label], [bank], ...), beside those that every study has.
  void (*declare)(OptionTable& table);
  /// Reads the input files that decide the plan's shape. InputError. Deterministic: every rank
  /// calls it and gets the same plan.
  Expansion (*expand)(const Deck& deck);
  /// Columns of /points that a run's closing table shows.
  std::vector<std::string> headline;
};

}  // namespace factsweep
