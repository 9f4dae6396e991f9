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
    fresh,     // a new adapter, or N of them
    selected,  // N adapters by their signals, or at random
  };
  /// What becomes of it.
  enum class Tuning {
    none,     // it is asked as it is
    lora,     // one adapter
    mixture,  // experts and routers; of the best adapter N copies
    average,  // the adapters' sum with equal weights
    search,   // the adapters' sum with weights found without gradients (LoRAHub)
  };
  /// What training, or the search, sees.
  enum class Lessons { none, shots, shots_and_data };

  std::string name;  // in decks and files
  Start start;
  Tuning tuning = Tuning::none;
  Lessons lessons = Lessons::none;
  bool at_random = false;  // experts and data are drawn
  bool is_arrow = false;   // a mixture whose routers follow from its experts (moe.hpp)

  bool is_selected() const { return start == Start::selected; }
  bool is_mixture() const { return tuning == Tuning::mixture; }
  bool is_sum() const { return tuning == Tuning::average || tuning == Tuning::search; }
  bool has_experts() const { return is_selected() || is_mixture(); }
  bool has_data() const { return lessons == Lessons::shots_and_data; }
  bool has_shots() const { return is_selected() || lessons != Lessons::none; }
  bool has_seed() const { return lessons != Lessons::none; }
  bool is_trained() const { return has_seed() && tuning != Tuning::search; }
  /// Whether its result can be kept: all but sums of whole adapters, which the bank has.
  bool is_kept() const { return tuning != Tuning::none && tuning != Tuning::average; }
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
