// Stage "original": the model that knows the old answers.
#include <algorithm>

#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training.hpp"
#include "factsweep/studies/support/weight_outputs.hpp"
#include "lesson.hpp"
#include "outcomes.hpp"
#include "stages.hpp"

namespace factsweep::flearning {
namespace {

const Lesson kLesson = {"original"};

struct Original : Ground {
  static constexpr const char* kind = "original";

  std::vector<std::string> deck_keys() const {
    if (untrained) return joined({evaluation_keys(), {kCasesKey, "model.dtype", "original.train"}});
    return joined({kLesson.deck_keys(), evaluation_keys(), {kCasesKey, "store.delta_dtype"}});
  }

  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    Model base = worker.use(directory);
    // before the training: a text that is too long is an error
    const EditEvaluation evaluation = evaluation_of(records(worker), base, deck);
    std::vector<double> loss;
    const Model model = untrained ? std::move(base) : train(worker, run, std::move(base), loss);
    const ForcedPredictions predicted = evaluation.predict_locality(model, run.steps());
    run.emit(kLocality, EditEvaluation::padded(predicted, run.width(kLocality)));
    if (run.is_wanted(kEditSeconds)) {
      emit_outcomes(run, evaluation.ask(model, predicted, run.steps()), has_portability(worker));
      emit_cases(run, evaluation.answers(model, case_count(deck), run.steps()));
      worker.abilities.emit(run, model);
      run.emit(kEditSeconds, 0.0);
      emit_loss_rose(run, model.weights.config, *this, {}, loss);
    }
    remove_checkpoint(checkpoint_of(run.bench()));
  }

  Model train(Worker& worker, StageRun& run, Model base, std::vector<double>& loss) const {
    base.weights = sum_of(std::move(base.weights), {}, kLesson.start_dtype(run.deck()));
    Taught taught = teach(run, kLesson, seed, std::move(base), records(worker));
    // read again: the training needs the room
    for_each_difference(taught.weights.named(), worker.use(directory).weights.named(),
                        weight_outputs(run, "final", delta_dtype(run.deck())));
    emit_record(run, taught.record);
    loss = std::move(taught.record.loss.front());
    return std::move(taught.model);
  }
};

}  // namespace

const KindOf<Worker> kOriginal = kind<Worker, Original>();

Upstream add_original(const Draft& draft) {
  PlanBuilder& builder = draft.builder;
  const Original original{draft.ground(std::nullopt)};
  Cost cost = original.untrained ? Cost{.bytes = draft.evaluation_bytes()} : kLesson.cost(draft);
  cost.flop += draft.start_flop() + draft.evaluation_flop();
  const auto [stage, is_new] = builder.add(original, draft.title("original"), cost);
  const std::vector<AnyColumn> columns = draft.columns();
  if (is_new) {
    if (!original.untrained) {
      draft.place_changes(stage);
      place_record(builder, stage, kLesson);
    }
    const std::span<const EditRecord> records = original.records(draft.inputs.worker);
    std::size_t longest = 0;
    for (const EditRecord& record : records) {
      for (const EditQuestion& question : record.unrelated)
        longest = std::max(longest, question.answers.front().size());
    }
    const std::string folder = "/tuning/" + builder.stage(stage).key + "/";
    builder.dimension(folder + "record", EditEvaluation::locality_rows(records));
    // a token spells at least one byte, but for a marker of the text's begin
    builder.dimension(folder + "token", longest + 2);
    builder.place(stage, kLocality);
    for (const AnyColumn& column : columns) builder.output(stage, column.about);
  }
  if (draft.at.method->kind == Method::Kind::original) draft.place_row(stage, columns);
  return stage;
}

}  // namespace factsweep::flearning
