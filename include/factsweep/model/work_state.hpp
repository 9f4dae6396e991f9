// What a long piece of work has done so far, so that one that is stopped goes on where it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/model/safetensors.hpp"

namespace factsweep {

struct WorkState {
  std::int64_t done = 0;  // parts of the work: records, questions, or batches of all epochs
  NamedTensors tensors;   // what the rest of the work depends on

  /// InputError: there is no such tensor of this shape (-1: of any length) in the state.
  torch::Tensor at(const std::string& name, at::IntArrayRef shape) const;

  /// InputError: more parts are done than the work has.
  void check_done(std::size_t parts) const;

  /// Texts of any bytes, as two tensors. InputError: as at(), or other lengths than the bytes have.
  void add_texts(const std::string& name, const std::vector<std::string>& texts);
  std::vector<std::string> texts(const std::string& name) const;
};

/// Whence a piece of work takes a state, and whither it gives those that it comes to.
struct WorkKeeper {
  /// Hands the state of an earlier call with the same arguments to `restore`, before any part of
  /// the work. False: there is none, or `restore` threw InputError as the state is none of this
  /// work (of another version of the program); then nothing may have changed, and the work begins
  /// anew.
  std::function<bool(const std::function<void(const WorkState& from)>& restore)> take_up =
      [](const std::function<void(const WorkState&)>&) { return false; };
  /// Called after each part of the work, before its step() is. `state` gives the state as it is
  /// until the next call; is_over: nothing is left to be done.
  std::function<void(bool is_over, const std::function<WorkState()>& state)> keep =
      [](bool, const std::function<WorkState()>&) {};
};

}  // namespace factsweep
