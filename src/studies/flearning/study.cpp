// F-Learning (Ni et al., arXiv 2311.08011): forget the old knowledge by parameter arithmetic before
// learning the new one.
//   original -> delta(full | lora) -> [search ->] forget(lambda) | learn(full | lora)
//   original -> second_moment -> edit(rome | memit)      original -> edit(ft_c)
// options.cpp: the deck keys. corpus.cpp: the records. grid.cpp: methods and points. stages/: the
// work, where ground.hpp is what all kinds have in common, lesson.hpp a training, outcomes.hpp what
// a point's model is asked.
#include "factsweep/studies/flearning/study.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "factsweep/core/file.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/label/spelling.hpp"
#include "factsweep/stage/common_options.hpp"
#include "factsweep/stage/executor.hpp"
#include "factsweep/studies/support/counts.hpp"
#include "factsweep/studies/support/models.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "options.hpp"
#include "stages/outcomes.hpp"
#include "stages/stages.hpp"

namespace factsweep::flearning {
namespace {

Inputs read_inputs(PlanBuilder& builder, const Worker& worker,
                   const std::vector<PlannedModel>& models) {
  const Deck& deck = builder.deck();
  Inputs inputs{.worker = worker};
  for (const PlannedModel& model : models) {
    check_layers(deck, model.config, model.directory);
    builder.model_bytes(model.parameters * weight_bytes(deck));
    for (const std::string& range : deck.text_list("grid.layers"))
      LayerRange::parse(range, model.config.layers, deck.where("grid.layers") + ": grid.layers");
    inputs.models.emplace(model.directory, model);
    for (const EditCorpus& corpus : worker.corpora)
      inputs.tokens[model.directory].push_back(TextTokens::of(deck, model.directory, corpus));
  }
  inputs.matrices = Matrices::of(each(models, &PlannedModel::config));
  inputs.abilities = worker.abilities.fingerprint();
  const std::string text = deck.text("edit.text");
  if (!text.empty()) inputs.text = hex(hash_text(read_file(text)));
  return inputs;
}

/// What the points have rows of, and the scales of these datasets.
void declare_columns(PlanBuilder& builder, const Inputs& inputs, std::size_t records) {
  const auto epochs = static_cast<std::size_t>(builder.deck().integer("learn.epochs"));
  const std::size_t layers = inputs.matrices.layers;
  builder.dimension("one", 1);
  builder.dimension("/outcomes/record", records);
  builder.dimension("/cases/case", std::min(case_count(builder.deck()), records));
  builder.dimension("/curves/epoch", epochs);
  builder.dimension("/norms/layer", layers);
  builder.dimension("/norms/module", inputs.matrices.modules.size());
  builder.fill(column<std::int64_t>("/curves/epoch", {"epoch"}, "epochs", "epochs done"),
               numbers(1, epochs));
  builder.fill(column<std::int64_t>("/norms/layer", {"layer"}, "1", "layer"), numbers(0, layers));
  builder.fill(column<std::string>("/norms/module", {"module"}, "", "matrix of a layer"),
               inputs.matrices.modules);
  const std::vector<EditCorpus>& corpora = inputs.worker.corpora;
  const bool portability = std::any_of(corpora.begin(), corpora.end(), [](const EditCorpus& corpus) {
    return corpus.has_portability();
  });
  builder.declare(evaluation_columns(builder.deck(), portability));
  builder.declare(inputs.worker.abilities.any_columns());
  builder.declare(tuning_columns());
}

/// The stages of a point. Returns its leaf.
Upstream add_stages(const Draft& draft) {
  const Upstream original = add_original(draft);
  switch (draft.at.method->kind) {
    case Method::Kind::original:
      return original;
    case Method::Kind::tune:
      return add_tune(draft, original);
    case Method::Kind::edit:
      return add_edit(draft, original);
  }
  throw BugError("a method of no kind");
}

void add_inputs(PlanBuilder& builder, const Inputs& inputs, const std::vector<GridPoint>& points) {
  const Deck& deck = builder.deck();
  const std::vector<EditCorpus>& corpora = inputs.worker.corpora;
  for (std::size_t i = 0; i < corpora.size(); ++i) {
    std::size_t used = 0;
    for (const GridPoint& at : points) {
      if (at.data_set == i) used = std::max(used, at.records);
    }
    builder.input({"data.edits " + corpora[i].name, corpora[i].path.string(),
                   corpora[i].fingerprint(used)});
  }
  if (!inputs.text.empty()) builder.input({"edit.text", deck.text("edit.text"), inputs.text});
}

/// What points leave: a whole model's change, or an adapter.
Keeping keeping_of(const Deck& deck, const Inputs& inputs, const std::vector<GridPoint>& points) {
  Keeping keeping(deck);
  for (const GridPoint& at : points) {
    if (at.method->leaves_weights())
      keeping.add(deck, inputs.models.at(at.model),
                  left_adapter(deck, inputs.worker.corpora[at.data_set], at));
  }
  return keeping;
}

Plan make_plan(const Deck& deck, const Worker& worker) {
  const std::vector<GridPoint> points = grid_points(deck, worker.corpora);
  PlanBuilder builder("flearning", deck);
  const std::vector<PlannedModel> models = plan_models(builder);
  const Inputs inputs = read_inputs(builder, worker, models);
  for (const EditCorpus& corpus : worker.corpora) fill_records(builder, corpus);
  fill_sources(builder, worker.abilities.left_out());
  add_inputs(builder, inputs, points);
  const Keeping keeping = keeping_of(deck, inputs, points);
  keeping.tell(builder);
  add_points(builder, axes(worker.corpora), points);
  std::size_t records = 0;
  for (const GridPoint& at : points) records = std::max(records, at.records);
  declare_columns(builder, inputs, records);
  worker.abilities.plan_base(builder, models);
  for (std::size_t p = 0; p < points.size(); ++p)
    builder.leaf(p, add_stages({builder, inputs, keeping, points[p], p}));
  return builder.finish();
}

/// What is not used of the files, and what no answer can be right to.
std::vector<std::string> notes(const Deck& deck, const Worker& worker) {
  std::vector<std::string> all;
  const auto add = [&](const std::vector<std::string>& some) {
    all.insert(all.end(), some.begin(), some.end());
  };
  for (const EditCorpus& corpus : worker.corpora) add(corpus.notes());
  add(worker.abilities.notes(model_directories(deck)));
  for (const std::string& model : model_directories(deck)) {
    for (const EditCorpus& corpus : worker.corpora) {
      std::vector<AskedAnswer> asked;
      for (const EditRecord& record : corpus.records) {
        if (!record.target_old.empty())
          asked.push_back({record.prompt, record.target_old, record.old_aliases});
        asked.push_back({record.prompt, record.target_new, record.new_aliases});
      }
      add(spelling_warnings(model, corpus.path.string(), asked));
    }
  }
  return all;
}

Expansion expand(const Deck& deck) {
  check_keys(deck);
  Worker worker{EditCorpus::read(deck), Abilities::read(deck, kAbilityKeys)};
  Plan plan = make_plan(deck, worker);
  plan.notes = notes(deck, worker);
  return expansion(std::move(plan), deck, std::move(worker),
                   {kOriginal, kDelta, kSearch, kForget, kLearn, kSecondMoment, kEdit,
                    kind<Worker, BaseAbilitiesOf<Worker>>()});
}

}  // namespace

Study make_study() {
  return {
      "flearning",
      declare,
      expand,
      {"n_records", "reliability", "generality", "locality", "reliability_old", "edit_seconds"}};
}

}  // namespace factsweep::flearning
