// What a running stage may ask of the sweep that runs it, or of a test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "factsweep/core/array.hpp"
#include "factsweep/core/stopwatch.hpp"

namespace factsweep {

/// Thrown by Workbench::step when the job must end: the stage unwinds, and a rerun goes on with it.
struct StopRequested {};

class Workbench {
 public:
  virtual ~Workbench() = default;
  /// The output `name` of stage `upstream` (an index into Plan::stages); valid until the next call.
  virtual const Array& input(std::size_t upstream, std::string_view name) = 0;
  /// Stores one output of the running stage in all of its places. The last call for a name counts.
  virtual void emit(std::string_view name, const Array& array) = 0;
  /// Call often (each batch): shows progress, and throws StopRequested when the job must end.
  /// `fraction` of this stage done, `tokens` processed since the last call.
  virtual void step(double fraction, std::int64_t tokens) = 0;
  /// Where this stage may keep checkpoints (a path stem; files beside the output), empty when it
  /// should not.
  virtual std::string checkpoint_stem() const = 0;
  /// Tells the user what has happened to the running stage and is no failure; a sentence.
  virtual void say(std::string_view) {}

  /// Of the running stage. What keeps a checkpoint keeps its seconds too, and goes on from them.
  WorkClock& clock() { return clock_; }

 protected:
  /// A stage begins.
  void start_clock() { clock_ = WorkClock(); }

 private:
  WorkClock clock_;
};

}  // namespace factsweep
