// Stage "search": the largest rate at which forgetting alone keeps enough of the unrelated answers.
#include "factsweep/model/torch.hpp"
#include "outcomes.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

Column<double> tried(const std::string& what) {
  return column<double>("/search/{key}/tried_" + what, {"evaluation"}, "1", "tried_" + what);
}

struct Search : Ground {
  static constexpr const char* kind = "search";

  Forgetting forgetting;  // without lambda

  static void fields(auto& self, auto&& field) {
    Ground::fields(self, field);
    Forgetting::fields(self.forgetting, field);
  }
  std::vector<std::string> deck_keys() const {
    return joined({{"model.dtype", "search."}, evaluation_keys(), forgetting.deck_keys()});
  }

  /// Bisection on the locality of forgetting alone, which falls as lambda grows.
  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    const double target = deck.real("search.locality");
    double low = 0, high = deck.real("search.largest_lambda");
    const Model base = worker.use(directory);
    const torch::Dtype dtype = base.weights.embedding.scalar_type();
    std::vector<WeightTerm> terms = start_terms(run, *this, base.weights, forgetting);
    const EditEvaluation evaluation = evaluation_of(records(worker), base, deck);
    const ForcedPredictions before = original_locality(run, worker, *this, evaluation);
    std::vector<double> lambdas, localities;
    for (std::int64_t i = 0; i < deck.integer("search.evaluations"); ++i) {
      const double rate = i == 0 ? high : 0.5 * (low + high);
      terms.back().factor = -rate;
      const Model model = base.with(sum_of(base.weights.clone(dtype), terms, dtype));
      lambdas.push_back(rate);
      localities.push_back(evaluation.locality(model, before, run.steps()));
      (localities.back() >= target ? low : high) = rate;
      if (low == high) break;  // the end of the interval keeps enough
    }
    run.emit_padded(tried("lambda"), lambdas);
    run.emit_padded(tried("locality"), localities);
    run.emit(kLambda, low);
  }
};

}  // namespace

const KindOf<Worker> kSearch = kind<Worker, Search>();

Upstream add_search(const Draft& draft, Upstream original, const Forgetting& forgetting) {
  const auto evaluations = static_cast<std::uint64_t>(draft.deck().integer("search.evaluations"));
  const std::string what = forgetting.lora ? "search lora " : "search full ";
  const auto [stage, is_new] = draft.builder.add(
      Search{draft.ground(original), forgetting}, draft.title(what + forgetting.layers),
      {.flop = static_cast<double>(evaluations) * (draft.start_flop() + draft.forward_flop()),
       .bytes = draft.model_bytes() + std::max(draft.start_bytes(), draft.evaluation_bytes())});
  if (!is_new) return stage;
  draft.builder.dimension("/search/" + draft.builder.stage(stage).key + "/evaluation", evaluations);
  for (const Column<double>& column : {kLambda, tried("lambda"), tried("locality")})
    draft.builder.place(stage, column);
  return stage;
}

}  // namespace factsweep::flearning
