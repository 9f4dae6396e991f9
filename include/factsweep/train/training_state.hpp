// A training between two steps, as a checkpoint holds it, and what tells it from other trainings.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "factsweep/model/safetensors.hpp"
#include "factsweep/train/example.hpp"
#include "factsweep/train/objective.hpp"
#include "factsweep/train/settings.hpp"

namespace factsweep {

/// Changes with whatever decides a training, but for frozen weights (the base's, and those that an
/// objective compares with): settings, the seed among them, the objective and its settings, the
/// examples, and `what`, anything else. 16 hexadecimal digits.
std::string run_key(const TrainSettings& settings, const Objective& objective,
                    const std::vector<Example>& examples, const std::string& what);

struct TrainingState {
  std::string run;       // run_key()
  NamedTensors tensors;  // AdamW::state()
  std::int64_t step = 0;
  std::int64_t steps = 0;    // of the whole training; not stored
  std::string failure = {};  // why the training was given up; empty: it was not

  /// Adds the tensors, and the rest as metadata, under names that begin with `prefix`, so that one
  /// file may hold many.
  void store(const std::string& prefix, NamedTensors& file_tensors,
             std::map<std::string, std::string>& metadata) const;
  /// What store() put there, of the run of `now`, with the names, shapes and devices of its
  /// tensors. InputError (what is wrong): it is of another run, or damaged: something is missing or
  /// of another shape, the step is none of the run's, a weight is no number though the training was
  /// not given up.
  static TrainingState read(const std::string& prefix, const SafetensorsReader& reader,
                            const TrainingState& now);
};

}  // namespace factsweep
