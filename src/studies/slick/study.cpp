// SliCK (Gekhman et al., arXiv 2405.05904): does fine-tuning on new knowledge encourage
// hallucinations?
//   label(relation, split, rows)* -> labelled -> train(mixture, seed, ...)*
//   p_true(relation, rows)* and base_errors beside them
// options.cpp: the deck keys. corpus.cpp: the questions. grid.cpp: the points. stages/: the work.
#include "factsweep/studies/slick/study.hpp"

#include <map>
#include <vector>

#include "exemplars.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/model/fingerprint.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/stage/executor.hpp"
#include "options.hpp"
#include "stages/stages.hpp"

namespace factsweep::slick {
namespace {

Worker read_inputs(const Deck& deck) {
  Worker worker{Corpus::read(deck), {}};
  worker.exemplars = exemplars_of(deck, worker.corpus);
  return worker;
}

/// Whether any prompt has more of a question than its text.
bool name_details(const Deck& deck) {
  return prompts(deck, kLabelPrompts).name_details() ||
         prompts(deck, kTrainPrompts).name_details() || prompts(deck, kPTruePrompts).name_details();
}

/// Of each relation what is asked; and the exemplars, where they lie apart.
void add_inputs(const Draft& draft) {
  const Deck& deck = draft.deck();
  const Corpus& corpus = draft.worker.corpus;
  draft.builder.input({"model.path", deck.text("model.path"), draft.fingerprint});
  draft.builder.input({"data.facts", deck.text("data.facts"), ""});
  const std::string exemplars = deck.text("label.exemplars");
  std::map<std::string, std::vector<Question>> asked;
  for (const std::vector<Question>* list : {&corpus.rows, &corpus.dev_probe}) {
    for (const Question& question : *list) asked[question.relation].push_back(question);
  }
  std::string shown;
  for (const auto& [relation, sets] : draft.worker.exemplars) {
    std::string hash = draft.questions_hash(asked[relation]);
    (exemplars.empty() ? hash : shown) += draft.exemplars_hash(sets);
    draft.builder.input({"data.facts " + relation, "", hex(hash_text(hash))});
  }
  if (!exemplars.empty())
    draft.builder.input({"label.exemplars", exemplars, hex(hash_text(shown))});
}

Plan make_plan(const Deck& deck, const Worker& worker) {
  const std::string model_path = deck.text("model.path");
  PlanBuilder builder("slick", deck);
  const Draft draft{builder, worker, ModelConfig::read(model_path), model_fingerprint(model_path),
                    name_details(deck)};
  builder.model_bytes(static_cast<double>(draft.model.parameters()) * weight_bytes(deck));
  add_inputs(draft);
  fill_questions(draft);
  declare_p_true(builder);
  std::vector<Upstream> labels;
  for (const Chunk& chunk : worker.corpus.chunks) {
    labels.push_back(add_label(draft, chunk));
    add_p_true(draft, chunk);
  }
  add_base_errors(draft);
  if (deck.text("slick.stop_after") == "all")
    add_trainings(draft, add_labelled(draft, std::move(labels)));
  return builder.finish();
}

/// Answers that are Unknown whatever the model knows.
std::vector<std::string> spelling_notes(const Deck& deck, const Corpus& corpus) {
  std::vector<AskedAnswer> asked;
  for (const Question& question : corpus.rows)
    asked.push_back({question.question, question.answer, question.aliases});
  return spelling_warnings(deck.text("model.path"), deck.text("data.facts"), asked);
}

/// A tokenizer that cannot be read is told of when the model is loaded.
void check_answer_end(const Deck& deck) {
  if (prompts(deck, {"shot"}).answer_end().starts_with('\n')) return;
  std::unique_ptr<Tokenizer> tokenizer;
  try {
    tokenizer = Tokenizer::load(deck.text("model.path"));
  } catch (const InputError&) {
    return;
  }
  answer_end_token(deck, *tokenizer);
}

Expansion expand(const Deck& deck) {
  check_answer_end(deck);
  Worker worker = read_inputs(deck);
  for (std::string& note : spelling_notes(deck, worker.corpus))
    worker.corpus.remarks.push_back(std::move(note));
  Plan plan = make_plan(deck, worker);
  plan.notes = worker.corpus.notes(deck);
  return expansion(std::move(plan), deck, std::move(worker),
                   {kLabel, kLabelled, kPTrue, kBaseErrors, kTrain});
}

}  // namespace

Study make_study() {
  return {"slick",
          declare,
          expand,
          {"n_train", "epoch_early_stop", "accuracy_test_early_stop", "accuracy_test_final",
           "accuracy_ood_final"}};
}

}  // namespace factsweep::slick
