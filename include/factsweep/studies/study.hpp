// A study: expands a deck into a plan, and says how each stage of it is computed. It never sees MPI
// or HDF5.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/core/array.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/plan/plan.hpp"

namespace factsweep {

/// Thrown by Workbench::step when the job must end: the stage unwinds, and a rerun goes on with it.
struct StopRequested {};

/// What a running stage may ask of the sweep.
class Workbench {
 public:
  virtual ~Workbench() = default;
  /// The output `name` of stage `upstream` (an index into Plan::stages); valid until the next call.
  virtual const Array& input(std::size_t upstream, std::string_view name) = 0;
  /// Stores one output of the running stage; each name of Stage::outputs at least once, the last
  /// call counts.
  virtual void emit(std::string_view name, const Array& array) = 0;
  /// Call often (each batch): shows progress, and throws StopRequested when the job must end.
  /// `fraction` of this stage done, `tokens` processed since the last call.
  virtual void step(double fraction, std::int64_t tokens) = 0;
  /// Where this stage may keep checkpoints (a path stem; files beside the output), empty when it
  /// should not.
  virtual std::string checkpoint_stem() const = 0;
};

class Study {
 public:
  virtual ~Study() = default;
  virtual std::string_view name() const = 0;
  /// This study's own deck keys ([label], [slick], ...; run.*, model.*, train.* are common).
  virtual void declare(OptionTable& table) const = 0;
  /// Reads the input files that decide the plan's shape. InputError. Deterministic: every rank
  /// calls it.
  virtual Plan expand(const Deck& deck) = 0;
  /// Called once before the first run(), on each rank: load the model. Not called by `plan`.
  virtual void prepare(const Deck& deck, torch::Device device) = 0;
  /// Columns of /points that a run's closing table shows.
  virtual std::vector<std::string> headline() const = 0;
  virtual void run(const Plan& plan, std::size_t stage, Workbench& bench) = 0;
};

/// The study of that name; InputError names the known ones.
std::unique_ptr<Study> make_study(std::string_view name);
std::vector<std::string> study_names();

}  // namespace factsweep
