// Stage "edit": FT-c, ROME or MEMIT on the original model, by a named preset and what the deck puts
// in its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/adapter/weight_changes.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

struct Edit : Ground {
  static constexpr const char* kind = "edit";

  std::string method, preset;
  std::optional<Upstream> moments;  // nothing: the editor asks for none
  Matrices matrices;                // rows and columns of /norms

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    field("method", self.method);
    field("preset", self.preset);
    field("moments", self.moments);
    field("modules", self.matrices.modules);
    field.local("layers_of_norms", self.matrices.layers);
  }
  std::vector<std::string> deck_keys() const;
  void run(Worker& worker, StageRun& run) const;

  /// Else each edit is made on the original model, and its record is asked alone.
  bool makes_one_model() const { return method != "rome_reset"; }
};

/// Layers whose keys' second moment `method` reads, ascending; empty: none.
std::vector<std::int64_t> second_moment_layers(const Deck& deck, const std::string& method,
                                               const std::string& preset);

/// The point's leaf, and what it stands on.
Upstream add_edit(const Draft& draft, Upstream original);

}  // namespace factsweep::flearning
