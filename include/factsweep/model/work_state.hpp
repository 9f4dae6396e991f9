// What an editor has done so far, so that one that is stopped goes on where it was.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "factsweep/model/safetensors.hpp"

namespace factsweep {

struct EditState {
  std::int64_t done = 0;  // parts of the work: records, or batches of all epochs
  NamedTensors tensors;   // what the rest of the work depends on

  /// InputError: there is no such tensor of this shape (-1: of any length) in the state.
  torch::Tensor at(const std::string& name, at::IntArrayRef shape) const;
};

/// Whence an editor takes a state, and whither it gives those that it comes to.
struct EditKeeper {
  /// Of an earlier call with the same arguments.
  std::optional<EditState> from = {};
  /// Called after each part of the work, before the editor's step() is. `state` gives the state as
  /// it is until the next call; is_over: nothing is left to be done.
  std::function<void(bool is_over, const std::function<EditState()>& state)> keep =
      [](bool, const std::function<EditState()>&) {};
};

}  // namespace factsweep
