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
    return joined({kLesson.deck_keys(), evaluation_keys(), {kCasesKey, "store.delta_dtype"}});
  }

  void run(Worker& worker, StageRun& run) const {
    const Deck& deck = run.deck();
    Model base = read_base(worker, deck);
    // before the training: a text that is too long is an error
    const EditEvaluation evaluation = evaluation_of(records(worker), base, deck);
    base.weights = sum_of(std::move(base.weights), {}, kLesson.start_dtype(deck));
    const Taught taught = teach(run, kLesson, seed, std::move(base), records(worker));
    // read again: the training needs the room
    for_each_difference(taught.weights.named(), read_base(worker, deck).weights.named(),
                        weight_outputs(run, "final"));
    emit_record(run, taught.record);
    const ForcedPredictions predicted = evaluation.predict_locality(taught.model, run.steps());
    run.emit(kLocality, EditEvaluation::padded(predicted, run.width(kLocality)));
    if (run.is_wanted(kEditSeconds)) {
      emit_outcomes(run, evaluation.ask(taught.model, predicted, run.steps()));
      emit_cases(run, evaluation.answers(taught.model, case_count(deck), run.steps()));
      emit_abilities(run, worker.abilities, taught.model);
      run.emit(kEditSeconds, 0.0);
    }
    remove_checkpoint(checkpoint_of(run.bench()));
  }
};

}  // namespace

const KindOf<Worker> kOriginal = kind<Worker, Original>();

Upstream add_original(const Draft& draft) {
  PlanBuilder& builder = draft.builder;
  const Original original{draft.ground(std::nullopt)};
  Cost cost = kLesson.cost(draft);
  cost.flop += draft.evaluation_flop();
  const auto [stage, is_new] = builder.add(original, draft.title("original"), cost);
  const std::vector<AnyColumn> columns =
      evaluation_columns(draft.deck(), draft.inputs.worker.abilities);
  if (is_new) {
    draft.place_changes(stage);
    place_record(builder, stage, kLesson);
    std::size_t longest = 0;
    for (const EditRecord& record : original.records(draft.inputs.worker))
      longest = std::max(longest, record.locality_answer.size());
    const std::string folder = "/tuning/" + builder.stage(stage).key + "/";
    builder.dimension(folder + "record", original.count);
    // a token spells at least one byte, but for a marker of the text's begin
    builder.dimension(folder + "token", longest + 2);
    builder.place(stage, kLocality);
    for (const AnyColumn& column : columns) builder.output(stage, column.about);
  }
  if (draft.at.method->kind == Method::Kind::original) draft.place_row(stage, columns);
  return stage;
}

}  // namespace factsweep::flearning
