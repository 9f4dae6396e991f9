// Stage "delta": theta_delta_old, what a second training on the old answers changes (equation 3).
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "lesson.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

struct Delta : Ground {
  static constexpr const char* kind = "delta";

  bool lora = false;

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    field("lora", self.lora);
  }
  std::vector<std::string> deck_keys() const {
    return joined({lesson().deck_keys(), {"store.delta_dtype"}});
  }
  Lesson lesson() const { return {"forget", lora}; }

  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    Model start = worker.use(directory);
    const std::vector<WeightTerm> terms = start_terms(run, *this, start.weights);
    start.weights = sum_of(std::move(start.weights), terms, lesson().start_dtype(deck));
    const Taught taught = teach(run, lesson(), seed, std::move(start), records(worker));
    emit_record(run, taught.record);
    const TakeTensor emit = weight_outputs(run, "final", delta_dtype(deck));
    if (taught.adapter) {
      for (const auto& [name, tensor] : taught.adapter->named()) emit(name, tensor);
    } else {
      // read again: the training needs the room
      const Weights before = sum_of(worker.use(directory).weights, terms, torch::kFloat32);
      for_each_difference(taught.weights.named(), before.named(), emit);
    }
    remove_checkpoint(checkpoint_of(run.bench()));
  }
};

}  // namespace

const KindOf<Worker> kDelta = kind<Worker, Delta>();

Upstream add_delta(const Draft& draft, Upstream original) {
  const Delta delta{draft.ground(original), draft.at.method->forget == Tuning::lora};
  const std::string title = draft.title(delta.lora ? "delta lora" : "delta full");
  Cost cost = delta.lesson().cost(draft);
  cost.flop += draft.start_flop();
  const auto [stage, is_new] = draft.builder.add(delta, title, cost);
  if (!is_new) return stage;
  std::optional<LoraConfig> adapter;
  if (delta.lora) adapter = stored_lora_config(draft.deck());
  draft.place_changes(stage, adapter);
  place_record(draft.builder, stage, delta.lesson());
  return stage;
}

}  // namespace factsweep::flearning
