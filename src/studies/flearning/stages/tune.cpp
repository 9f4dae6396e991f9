// Stages "forget" and "learn": the original model less a part of the old knowledge's parameters
// (equation 4), and training on the new answers, after forgetting (equation 7) or without.
#include <algorithm>
#include <cmath>

#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/memory.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "lesson.hpp"
#include "outcomes.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

/// Of a point whose own trainings are LoRA's, but which is kept whole.
constexpr const char* kTrainedWhole =
    "its Original model was fine-tuned whole on the old answers; with original.train = off a point of "
    "LoRA is kept as an adapter";

// Where something is forgotten.
const auto kLambdaUsed =
    column<double>("/points/lambda_used", {"point"}, "1",
                   "rate of forgetting, the search's where it was searched", "lambda");
const auto kForgetNorm =
    column<float>("/norms/forget", {"point", "layer", "module"}, "1",
                  "L2 norm of a matrix's change by forgetting", "||theta' - theta||");
/// Where something is learnt.
const auto kLoss =
    column<double>("/curves/loss", {"point", "epoch"}, "nat", "training loss on the new answers");
/// Where both are done.
const auto kCosine =
    column<float>("/norms/cosine", {"point", "layer", "module"}, "1",
                  "cosine between the old knowledge's parameters and the change by learning",
                  "cos(theta_delta_old, theta* - theta')");

/// What is forgotten, and what was learnt, as one adapter of the base model. `terms`: those of
/// forgetting alone.
LoraAdapter adapter_of(const std::vector<WeightTerm>& terms,
                       const std::optional<LoraAdapter>& learnt) {
  std::vector<LoraAdapter> adapters;
  std::vector<double> factors;
  for (const WeightTerm& term : terms) {
    adapters.push_back(term.adapter.value().clone(torch::kFloat32));
    factors.push_back(term.factor);
    for (const LoraSlot& slot : adapters.back().slots()) {
      if (term.range.holds(slot.layer)) continue;
      for (const LoraPart& part : slot.parts) part.B.zero_();
    }
  }
  if (learnt) {
    adapters.push_back(*learnt);
    factors.push_back(1);
  }
  return stacked(adapters, factors);
}

struct Tune : Ground {
  Forgetting forgetting;
  std::optional<bool> lora;  // how the new answers are learnt; nothing: they are not
  Matrices matrices;         // rows and columns of /norms
  std::optional<DType> kept;  // of the weights, where they are
  bool is_adapter = false;    // what is kept: left_adapter()

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    Forgetting::fields(self.forgetting, field);
    field("lora", self.lora);
    field("modules", self.matrices.modules);
    field.local("layers_of_norms", self.matrices.layers);
    field.local("kept", self.kept);
    field.local("is_adapter", self.is_adapter);
  }
  std::vector<std::string> deck_keys() const {
    return joined({{"model.dtype", kCasesKey},
                   evaluation_keys(),
                   forgetting.deck_keys(),
                   lora ? lesson().deck_keys() : std::vector<std::string>()});
  }
  /// Where there is one.
  Lesson lesson() const { return {"learn", lora.value()}; }

  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    const double rate = forgetting.rate(run);
    Model start = worker.use(directory);
    const ModelConfig config = start.weights.config;
    const std::vector<WeightTerm> terms =
        start_terms(run, *this, start.weights, forgetting, rate);
    const torch::Dtype dtype =
        lora ? lesson().start_dtype(deck) : start.weights.embedding.scalar_type();
    start.weights = sum_of(std::move(start.weights), terms, dtype);
    Taught taught = lora ? teach(run, lesson(), seed, std::move(start), records(worker))
                         : Taught{.model = std::move(start)};
    evaluate(run, worker, *this, records(worker), taught.model);
    double seconds = taught.record.seconds;
    if (forgetting.delta) seconds += run.input(*forgetting.delta, kOldSeconds).at(0);
    run.emit(kEditSeconds, seconds);

    // Read again where the weights are compared with those before: a training needs the room.
    const bool is_full = lora && !*lora, keeps_whole = kept && !is_adapter;
    Weights base;
    if (keeps_whole || is_full) base = worker.use(directory).weights;
    if (kept && is_adapter) {
      const TakeTensor take = weight_outputs(run, "final", *kept);
      for (const auto& [name, tensor] : adapter_of(terms, taught.adapter).named())
        take(name, tensor);
    }
    if (keeps_whole) {
      Weights after =
          is_full ? taught.weights : sum_of(base.clone(torch::kFloat32), terms, torch::kFloat32);
      if (taught.adapter) taught.adapter->merge(after);
      for_each_difference(after.named(), base.named(), weight_outputs(run, "final", *kept));
    }
    WeightChange old;  // theta_delta_old
    if (forgetting.delta) {
      old = whole_change(terms.back(), taught.model.weights);
      run.emit(kForgetNorm, tabulate(config, matrices, scaled_change(old, terms.back())).norm);
      run.emit(kLambdaUsed, rate);
    }
    if (lora) {
      const WeightChange learned =
          is_full ? difference_of(sum_of(std::move(base), terms, torch::kFloat32), taught.weights)
                  : product_of(*taught.adapter);
      const ChangeTable table = tabulate(config, matrices, learned, old);
      run.emit(kLearnNorm, table.norm);
      if (old) run.emit(kCosine, table.cosine);
      run.emit_padded(kLoss, taught.record.loss.front());
    }
    emit_loss_rose(run, config, *this, forgetting.delta,
                   lora ? taught.record.loss.front() : std::vector<double>());
    // not earlier: an interruption keeps the finished training
    remove_checkpoint(checkpoint_of(run.bench()));
  }
};

struct Forget : Tune {
  static constexpr const char* kind = "forget";
};

struct Learn : Tune {
  static constexpr const char* kind = "learn";
};

/// Beside the model that was asked the base model is read again, and its float32 copy becomes what
/// is kept.
double kept_whole_bytes(const Draft& draft) {
  return draft.model_bytes() + 4 * draft.base().parameters + merging_bytes(draft.model());
}

Forgetting add_forgetting(const Draft& draft, Upstream original) {
  const GridPoint& at = draft.at;
  Forgetting forgetting;
  if (!at.method->has_lambda()) return forgetting;
  forgetting.delta = add_delta(draft, original);
  forgetting.lora = at.method->forget == Tuning::lora;
  forgetting.layers = at.layers;
  forgetting.lambda = at.lambda;
  if (std::isnan(at.lambda)) forgetting.search = add_search(draft, original, forgetting);
  return forgetting;
}

}  // namespace

const KindOf<Worker> kForget = kind<Worker, Forget>(), kLearn = kind<Worker, Learn>();

std::vector<AnyColumn> tuning_columns() {
  return {kLambdaUsed, kLoss, kForgetNorm, kLearnNorm, kCosine};
}

Upstream add_tune(const Draft& draft, Upstream original) {
  const std::optional<LoraConfig> adapter = draft.left_adapter();
  Tune tune{draft.ground(original), add_forgetting(draft, original),
            std::nullopt,           draft.inputs.matrices,
            draft.kept(),           adapter.has_value()};
  std::vector<AnyColumn> columns = draft.columns();
  Cost cost;
  if (draft.at.method->learn != Tuning::none) {
    tune.lora = draft.at.method->learn == Tuning::lora;
    cost = tune.lesson().cost(draft);
    columns.insert(columns.end(), {kLoss, kLearnNorm});
    if (tune.forgetting.delta) columns.emplace_back(kCosine);
  }
  cost.flop += draft.start_flop() + draft.evaluation_flop();
  cost.also(std::max(draft.start_bytes(), draft.evaluation_bytes()));
  if (tune.kept && !tune.is_adapter) cost.also(kept_whole_bytes(draft));
  if (tune.forgetting.delta) columns.insert(columns.end(), {kLambdaUsed, kForgetNorm});
  const auto [stage, is_new] =
      tune.lora ? draft.builder.add(Learn{tune}, draft.point_title("learn"), cost)
                : draft.builder.add(Forget{tune}, draft.point_title("forget"), cost);
  draft.place_row(stage, columns);
  if (is_new && tune.kept) {
    const bool is_low_rank = draft.at.method->low_rank_terms() > 0;
    draft.place_changes(stage, adapter, is_low_rank ? kTrainedWhole : "");
  }
  return stage;
}

}  // namespace factsweep::flearning
