// The ways to an expert of a task that the study compares, and the words of its axes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "factsweep/selection/experts.hpp"
#include "factsweep/selection/sim_div.hpp"

namespace factsweep::kshot {

struct Method {
  /// What the method begins with.
  enum class Start {
    base,      // the model itself
    own,       // the bank's adapter of the task
    best,      // the adapter that is best on the test set
    fresh,     // a new adapter
    selected,  // N adapters by their signals, or at random
  };
  /// What becomes of it.
  enum class Tuning {
    none,     // nothing is trained
    lora,     // one adapter on the shots and the selected data
    mixture,  // experts and routers, likewise
    arrow,    // a mixture whose routers follow from the experts (moe.hpp); nothing is trained
    average,  // the adapters' sum with equal weights
    search,   // the adapters' sum with weights found on the shots, without gradients (LoRAHub)
  };
  std::string name;  // in decks and files
  Start start;
  Tuning tuning;
  bool at_random = false;  // experts and data are drawn

  bool is_selected() const { return start == Start::selected; }
  bool has_data() const { return tuning == Tuning::lora || tuning == Tuning::mixture; }
  /// Whether its result can be kept: all but sums of whole adapters, which the bank has.
  bool is_kept() const { return tuning != Tuning::none && tuning != Tuning::average; }
  bool is_mixture() const { return tuning == Tuning::mixture || tuning == Tuning::arrow; }
  bool has_shots() const { return is_selected() || has_data(); }
  bool has_seed() const { return has_data() || tuning == Tuning::search; }
};

const std::vector<Method>& methods();
std::vector<std::string> method_names();
const Method& method(std::string_view name);

/// p, a, pa, pad (Algorithm 1), random.
std::vector<std::string> signal_names();
ExpertRule expert_rule(std::string_view signals);

/// Rows of table 3, and the released code's own rule; "none": the shots alone.
std::vector<std::string> data_selection_names();
/// Of any but "none": all but count, tau, seed.
DataSettings data_settings(std::string_view selection);
/// Whether tau acts, and whether draws do.
bool has_tau(std::string_view selection);
bool is_drawn(std::string_view selection);

}  // namespace factsweep::kshot
