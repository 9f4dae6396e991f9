// The ways to an expert of a task that the study compares, and the words of its axes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "factsweep/moe/routing.hpp"
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
    gates,    // experts as they are, and a gate of each, trained apart (PHATGOOSE)
    average,  // the adapters' sum with equal weights
    search,   // the adapters' sum with weights found without gradients (LoRAHub)
  };
  /// What training, or the search, sees; own: of each expert what it has learnt itself.
  enum class Lessons { none, own, shots, shots_and_data };

  std::string name;  // in decks and files
  Start start;
  Tuning tuning = Tuning::none;
  Lessons lessons = Lessons::none;
  bool at_random = false;              // experts and data are drawn
  Routing routing = Routing::learned;  // of a mixture
  /// The deck key that weighs load balancing in a mixture's loss.
  const char* balance = "moe.balance";

  bool is_selected() const { return start == Start::selected; }
  bool is_mixture() const { return tuning == Tuning::mixture || has_gates(); }
  bool has_gates() const { return tuning == Tuning::gates; }
  bool is_merged() const { return is_mixture() && routing == Routing::merged; }
  bool is_sum() const { return tuning == Tuning::average || tuning == Tuning::search; }
  /// Whether it begins with adapters of the bank.
  bool needs_bank() const { return start != Start::base && start != Start::fresh; }
  bool changes_best() const { return start == Start::best && tuning != Tuning::none; }
  bool has_experts() const { return is_selected() || is_mixture(); }
  bool has_top_k() const { return is_mixture() && !is_merged(); }
  bool has_data() const { return lessons == Lessons::shots_and_data; }
  bool has_shots() const { return is_selected() || is_taught(); }
  /// Whether it sees the shots' answers: what it makes of them depends on a seed.
  bool is_taught() const { return has_data() || lessons == Lessons::shots; }
  bool is_trained() const {
    return is_taught() && (tuning == Tuning::lora || tuning == Tuning::mixture);
  }
  bool is_balanced() const { return is_trained() && is_mixture() && !is_merged(); }
  /// Whether its result is kept where store.deltas asks for it: the others ask a model, or an adapter
  /// of the bank, as it is.
  bool is_kept() const { return tuning != Tuning::none; }
};

const std::vector<Method>& methods();
const Method& method(std::string_view name);

/// p, a, pa, pad (Algorithm 1), random: in the order of ExpertRule.
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
