// SliCK (Gekhman et al., arXiv 2405.05904): does fine-tuning on new knowledge encourage
// hallucinations?
//   label(relation, split, rows)* -> labelled -> train(mixture, seed, ...)*
//   p_true(relation, rows)* beside them
// options.cpp: the deck keys. corpus.cpp: the questions. grid.cpp: the points. stages/: the work.
#include "factsweep/studies/slick/study.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/stage/executor.hpp"
#include "grid.hpp"
#include "options.hpp"
#include "stages/label.hpp"
#include "stages/labelled.hpp"
#include "stages/p_true.hpp"
#include "stages/train.hpp"
#include "worker.hpp"

namespace factsweep::slick {
namespace {

std::vector<KindOf<Worker>> kinds() {
  return {kind<Worker, Label>(), kind<Worker, Labelled>(), kind<Worker, PTrue>(),
          kind<Worker, Train>()};
}

Worker read_inputs(const Deck& deck) {
  Worker worker{Corpus::read(deck), {}};
  for (const auto& [relation, dev] : worker.corpus.dev)
    worker.exemplars[relation] = draw_exemplars(relation, dev, label_settings(deck));
  return worker;
}

void check_lora_keys(const Deck& deck, bool any_lora) {
  for (const auto& [key, value] : deck.science({"lora."})) {
    if (!deck.is_default(key) && !any_lora)
      throw deck.error(key,
                       "has no effect: no point trains with LoRA. Set train.method = lora or "
                       "grid.lora_rank, or leave it out");
  }
}

Plan make_plan(const Deck& deck, const Worker& worker) {
  const std::string model_path = deck.text("model.path");
  const ModelConfig model = ModelConfig::read(model_path);
  const std::string fingerprint = model_fingerprint(model_path);
  PlanBuilder builder("slick", deck);
  builder.model_bytes(static_cast<double>(model.parameters()) * weight_bytes(deck));

  fill_questions(builder, worker);
  builder.declare(PTrue::column);
  std::vector<Upstream> labels;
  for (const Chunk& chunk : worker.corpus.chunks) {
    labels.push_back(add_label(builder, worker, chunk, fingerprint, model));
    add_p_true(builder, worker, chunk, fingerprint, model);
  }
  if (deck.text("slick.stop_after") == "label") return builder.finish();

  const std::vector<GridPoint> points = grid_points(deck);
  const std::vector<AxisOf<GridPoint>> all_axes = axes(deck);
  add_points(builder, all_axes, points);
  declare_training_columns(builder, worker);
  const TrainingInputs inputs{add_labelled(builder, worker.corpus, labels),
                              questions_hash(worker.corpus.dev_probe), model,
                              BaseModel::of(model_path)};
  bool any_lora = false;
  for (std::size_t p = 0; p < points.size(); ++p) {
    const bool lora =
        add_training(builder, worker.corpus, inputs, points[p], p, id_of(all_axes, points[p]));
    any_lora = any_lora || lora;
  }
  check_lora_keys(deck, any_lora);
  return builder.finish();
}

/// Says how many gold answers no tokens of the model's vocabulary spell. A tokenizer that cannot be
/// read is prepare()'s to report.
std::vector<std::string> spelling_notes(const Deck& deck, const Corpus& corpus) {
  std::unique_ptr<Tokenizer> tokenizer;
  try {
    tokenizer = Tokenizer::load(deck.text("model.path"));
  } catch (const InputError&) {
    return {};
  }
  const auto is_impossible = [&](const Question& question) {
    const std::vector<std::string> answers = accepted_answers(question);
    return std::none_of(answers.begin(), answers.end(), [&](const std::string& answer) {
      return spell(*tokenizer, answer).possible;
    });
  };
  const auto count = std::count_if(corpus.rows.begin(), corpus.rows.end(), is_impossible);
  if (count == 0) return {};
  const Question& first = *std::find_if(corpus.rows.begin(), corpus.rows.end(), is_impossible);
  return {fmt::format(
      "warning: no tokens of the model spell {} of {} gold answers, which are Unknown and wrong "
      "whatever the model knows; the first is '{}' to '{}'",
      count, corpus.rows.size(), first.answer, first.question)};
}

class SlickStudy : public Study {
 public:
  std::string_view name() const override { return "slick"; }
  void declare(OptionTable& table) const override { slick::declare(table); }
  std::vector<std::string> headline() const override {
    return {"n_train", "epoch_early_stop", "accuracy_test_early_stop", "accuracy_test_final",
            "accuracy_ood_final"};
  }
  Expansion expand(const Deck& deck) const override {
    Worker worker = read_inputs(deck);
    Plan plan = make_plan(deck, worker);
    plan.notes = worker.corpus.notes(deck);
    for (std::string& note : spelling_notes(deck, worker.corpus))
      plan.notes.push_back(std::move(note));
    return {std::move(plan),
            std::make_unique<TableExecutor<Worker>>(deck, std::move(worker), kinds())};
  }
};

}  // namespace

std::unique_ptr<Study> make_study() {
  return std::make_unique<SlickStudy>();
}

}  // namespace factsweep::slick
