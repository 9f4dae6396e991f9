// Stage "second_moment": second moments of the keys of MLP output matrices over a text, which tell
// ROME and MEMIT what other facts ask of a layer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "factsweep/edit/second_moment.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

struct SecondMoment : Ground {
  static constexpr const char* kind = "second_moment";

  std::string text, path;  // edit.text: a hash of what is in it, and where it is
  std::vector<std::int64_t> layers;

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    field("text", self.text);
    field.local("path", self.path);
    field("layers", self.layers);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;
};

Upstream add_second_moment(const Draft& draft, Upstream original,
                           const std::vector<std::int64_t>& layers);

/// What the stage has left of these layers, whose MLP has `side` inputs.
SecondMoments stored_moments(StageRun& run, Upstream stage, const std::vector<std::int64_t>& layers,
                             std::int64_t side);

}  // namespace factsweep::flearning
