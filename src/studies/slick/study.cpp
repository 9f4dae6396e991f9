// SliCK (Gekhman et al., arXiv 2405.05904): does fine-tuning on new knowledge encourage
// hallucinations?
//   label(relation, split, rows)* -> labelled -> train(mixture, seed, ...)*
//   p_true(relation, rows)*, base_errors and abilities beside them; all of each model
// options.cpp: the deck keys. corpus.cpp: the questions. grid.cpp: the points. stages/: the work.
#include "factsweep/studies/slick/study.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <vector>

#include "factsweep/core/random.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/stage/executor.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "grid.hpp"
#include "options.hpp"
#include "stages/stages.hpp"

namespace factsweep::slick {
namespace {

Worker read_inputs(const Deck& deck) {
  Worker worker;
  worker.corpus = Corpus::read(deck);
  worker.exemplars = exemplars_of(deck, worker.corpus);
  worker.abilities = Abilities::read(deck, kAbilityKeys);
  return worker;
}

/// Whether any prompt has more of a question than its text.
bool name_details(const Deck& deck) {
  return prompts(deck, kLabelPrompts).name_details() ||
         prompts(deck, kTrainPrompts).name_details() || prompts(deck, kPTruePrompts).name_details();
}

/// Of each relation what is asked, and the exemplars, where they lie apart.
void add_inputs(const Draft& draft) {
  const Deck& deck = draft.deck();
  const Corpus& corpus = draft.worker.corpus;
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
  if (!corpus.exposures_fingerprint.empty())
    draft.builder.input(
        {"data.exposures", deck.text("data.exposures"), corpus.exposures_fingerprint});
  if (!exemplars.empty())
    draft.builder.input({"label.exemplars", exemplars, hex(hash_text(shown))});
}

/// InputError: a model after the first, whose labels are in /labels/NAME, has the name of what the
/// plan keeps in there.
void check_names(const std::vector<Draft>& drafts, const Plan& plan) {
  std::set<std::string> taken = {kLabels};
  for (const DatasetSpec& spec : plan.datasets) {
    taken.insert(spec.path);
    const std::string group = spec.path.substr(0, spec.path.rfind('/') + 1);
    for (const std::string& dimension : spec.dimensions) taken.insert(group + dimension);
  }
  for (const Draft& draft : drafts) {
    if (draft.is_first) continue;
    for (const char* base : {kLabels, kErrors}) {
      const std::string group = draft.group(base);
      if (taken.contains(group))
        throw draft.deck().error(
            "grid.model", fmt::format("names a model {}, for whose {} there is no place: the file "
                                      "has that already. Name it first, or rename its folder.",
                                      draft.name, group));
    }
  }
}

/// Questions from all over the corpus.
std::vector<Question> sample_of(const Corpus& corpus) {
  constexpr std::size_t kSample = 2000;
  std::vector<Question> sample;
  const std::size_t step = std::max<std::size_t>(1, corpus.rows.size() / kSample);
  for (std::size_t i = 0; i < corpus.rows.size(); i += step) sample.push_back(corpus.rows[i]);
  return sample;
}

/// One a model, in the order of the deck.
std::vector<Draft> drafts_of(PlanBuilder& builder, const Worker& worker,
                             const std::vector<PlannedModel>& models) {
  const Deck& deck = builder.deck();
  const std::vector<Question> sample = sample_of(worker.corpus);
  std::vector<Draft> drafts;
  for (const PlannedModel& model : models) {
    drafts.push_back({.builder = builder,
                      .worker = worker,
                      .base = model,
                      .name = models.size() > 1 ? model.name : "",
                      .is_first = drafts.empty(),
                      .prompts_name_details = name_details(deck),
                      .tokens = TokenCounter(model.directory)});
    Draft& draft = drafts.back();
    draft.lengths = draft.lengths_of(sample);
    builder.model_bytes(model.parameters * weight_bytes(deck));
  }
  check_names(drafts, {});
  return drafts;
}

Plan make_plan(const Deck& deck, const Worker& worker) {
  PlanBuilder builder("slick", deck);
  const std::vector<PlannedModel> models = plan_models(builder);
  const std::vector<Draft> drafts = drafts_of(builder, worker, models);
  const bool trains = deck.text("slick.stop_after") == "all";
  add_inputs(drafts.front());
  fill_questions(drafts.front());
  std::vector<Upstream> labelled;
  for (const Draft& draft : drafts) {
    declare_p_true(draft);
    std::vector<Upstream> labels;
    for (const Chunk& chunk : worker.corpus.chunks) {
      labels.push_back(add_label(draft, chunk));
      add_p_true(draft, chunk);
    }
    add_base_errors(draft);
    if (trains) labelled.push_back(add_labelled(draft, std::move(labels)));
  }
  worker.abilities.plan_base(builder, models);
  fill_sources(builder, worker.abilities.left_out());
  if (trains) add_trainings(drafts, labelled);
  Plan plan = builder.finish();
  check_names(drafts, plan);
  return plan;
}

/// Answers that are Unknown whatever a model knows.
std::vector<std::string> spelling_notes(const Deck& deck, const Corpus& corpus) {
  std::vector<AskedAnswer> asked;
  for (const Question& question : corpus.rows)
    asked.push_back({question.question, question.answer, question.aliases});
  std::vector<std::string> notes;
  for (const std::string& directory : model_directories(deck)) {
    for (std::string& note : spelling_warnings(directory, deck.text("data.facts"), asked))
      notes.push_back(std::move(note));
  }
  return notes;
}

Expansion expand(const Deck& deck) {
  check_patch_keys(deck);
  Worker worker = read_inputs(deck);
  for (std::string& note : spelling_notes(deck, worker.corpus))
    worker.corpus.remarks.push_back(std::move(note));
  Plan plan = make_plan(deck, worker);
  plan.notes = joined({worker.corpus.notes(deck), worker.abilities.notes(model_directories(deck))});
  return expansion(
      std::move(plan), deck, std::move(worker),
      {kLabel, kLabelled, kPTrue, kBaseErrors, kTrain, kind<Worker, BaseAbilitiesOf<Worker>>()});
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
