// Weights that a training leaves in the weights file, in its row of the datasets under /deltas.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "factsweep/stage/plan_builder.hpp"
#include "factsweep/stage/stage_run.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/train/differences.hpp"

namespace factsweep {

/// What all points of a sweep train, as their weights would lie in the file. Points that share a
/// training share its weights.
struct TrainedWeights {
  double bytes = 0;
  std::int64_t points = 0, models = 0;

  /// `is_new`: else an earlier point has the same.
  void add(double more, bool is_new = true) {
    ++points;
    if (!is_new) return;
    bytes += more;
    ++models;
  }
};

/// Which weights store.deltas keeps. `auto` keeps the last ones (final) of all points that train
/// adapters, mixtures among them, where those are at most 10 GB, and of all that train whole models
/// where those are at most 1 GB.
class Keeping {
 public:
  explicit Keeping(const Deck& deck, const TrainedWeights& whole = {},
                   const TrainedWeights& adapters = {});

  /// A point that trains the model, or an adapter of it. `is_new`: see TrainedWeights.
  void add(const Deck& deck, const PlannedModel& model, const std::optional<LoraConfig>& lora,
           bool is_new = true);

  /// "early_stop", "final"; nothing is kept.
  std::vector<std::string> when(bool is_adapter) const;
  /// Says so in the plan.
  void tell(PlanBuilder& builder) const;

 private:
  bool keeps(bool is_adapter) const { return !when(is_adapter).empty(); }

  std::string asked_;
  TrainedWeights whole_, adapters_;
};

/// Bytes of so many elements in store.delta_dtype.
double bytes_of(const Deck& deck, double elements);

/// For each of `when` ("final") an output "final/<tensor>" of the stage for every tensor of the
/// model, or of the adapter, whose adapter_config.json is in about/; in store.delta_dtype.
/// `long_name` says what the model's tensors are; about/ says which model that is, too, and of
/// whole ones why they are `no_adapter`, where that is given (see kNoAdapter). InputError:
/// lora.targets matches nothing.
void place_weights(PlanBuilder& builder, Upstream stage, const std::vector<std::string>& when,
                   const PlannedModel& model, const std::optional<LoraConfig>& lora,
                   const std::string& long_name, const std::string& no_adapter = "");

/// Emits tensors to the outputs that place_weights() made, in their dtype.
TakeTensor weight_outputs(StageRun& run, const std::string& when, DType dtype);

}  // namespace factsweep
