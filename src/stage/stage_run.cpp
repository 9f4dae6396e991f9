#include "factsweep/stage/stage_run.hpp"

#include <fmt/format.h>

namespace factsweep {

StageRun::StageRun(const Plan& plan, std::size_t stage, Deck deck, Workbench& bench)
    : stage_(plan.stages.at(stage)), deck_(std::move(deck)), bench_(bench) {}

const Output& StageRun::output(const std::string& name) const {
  const Output* found = stage_.find_output(name);
  require(found != nullptr,
          fmt::format("'{}' is no output of a stage of kind {}", name, stage_.kind));
  return *found;
}

bool StageRun::is_wanted(const ColumnBase& column) const {
  return !output(column.output()).places.empty();
}

std::size_t StageRun::width(const ColumnBase& column) const {
  return static_cast<std::size_t>(output(column.output()).places.at(0).count.back());
}

void StageRun::emit(const std::string& name, const Array& array) {
  const Output& planned = output(name);
  if (planned.places.empty()) return;
  const Slab& place = planned.places.front();
  std::uint64_t volume = 1;
  for (const std::uint64_t extent : place.count) volume *= extent;
  require(array.size() == volume, fmt::format("{} emits {} values of '{}', which has {}",
                                              stage_.kind, array.size(), name, volume));
  const bool fresh = emitted_.insert(name).second;
  require(fresh || place.file == File::weights,
          fmt::format("{} emits '{}' twice", stage_.kind, name));
  bench_.emit(name, array);
}

StepCallback StageRun::steps() {
  return [this](double fraction, std::int64_t tokens) { bench_.step(fraction, tokens); };
}

void StageRun::finish() const {
  for (const Output& planned : stage_.outputs) {
    const bool of_results = !planned.places.empty() && planned.places.front().file == File::results;
    require(!of_results || emitted_.count(planned.name.text()) > 0,
            fmt::format("{} never emits '{}'", stage_.kind, planned.name.text()));
  }
}

}  // namespace factsweep
