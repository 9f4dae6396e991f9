// Stages that train or subtract: original, delta, search, forget, learn.
#include <fmt/format.h>

#include <limits>

#include "datasets.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "stage_run.hpp"

namespace factsweep::flearning {

StageRun::Tuned StageRun::tune(Model start, const std::string& section, Answer answer) {
  const bool lora = how() == Tuning::lora;
  TrainSettings settings = train_settings(deck_);
  settings.learning_rate = deck_.real(section + (lora ? ".lora_learning_rate" : ".learning_rate"));
  settings.epochs = deck_.integer(section + ".epochs");
  settings.seed = hash_of_training(section);
  Tuned tuned;
  std::vector<Example> examples = training_examples(deck_, start, records_, answer);
  Trainee trainee;
  if (lora) {
    tuned.adapter =
        LoraAdapter::create(lora_config(deck_), start.weights, settings.seed, lora_place(deck_));
    trainee = Trainee::lora(start.weights, *tuned.adapter);
  } else {
    tuned.weights = start.weights;
    start.weights = Weights();
    trainee = Trainee::full(tuned.weights, dtype());
  }
  Trainer trainer(std::move(trainee), std::move(examples), settings);
  tuned.record = train(trainer, stage_loop(bench_, deck_.seconds("run.checkpoint_interval")));
  tuned.model = start.with(trainer.weights());
  if (lora) {
    tuned.adapter = tuned.adapter->clone(torch::kFloat32);
    tuned.adapter->assign(trainer.master());
  }
  return tuned;
}

std::uint64_t StageRun::hash_of_training(const std::string& section) const {
  return hash_words({hash_text(section), seed()});
}

void StageRun::emit_curve(const LoopResult& record) {
  bench_.emit("tuning_loss", Array::of(record.loss.front()));
  bench_.emit("seconds", Array::of(std::vector{record.seconds}));
}

/// A tensor at a time: no third copy of the model.
void StageRun::emit_delta(const Weights& before, const Weights& after) {
  torch::NoGradGuard no_grad;
  const DType dtype = delta_dtype(deck_);
  const NamedTensors was = before.named(), is = after.named();
  for (std::size_t i = 0; i < is.size(); ++i)
    bench_.emit(
        "final/" + is[i].first,
        to_array(is[i].second.to(torch::kFloat32) - was[i].second.to(torch::kFloat32), dtype));
}

void StageRun::original() {
  const Tuned tuned = tune(assemble({}, torch::kFloat32), "original", Answer::old_one);
  emit_delta(load(dtype()).weights, tuned.weights);
  emit_curve(tuned.record);
  const Evaluation evaluation(deck_, tuned.model, records_);
  const ForcedPredictions locality = evaluation.predict_locality(tuned.model, step());
  const std::size_t width = place_of("locality_predicted").count.at(1);
  bench_.emit("locality_predicted", Array::of(Evaluation::padded(locality, width)));
  if (wanted("points/reliability")) {
    emit_outcomes(evaluation.ask(tuned.model, locality, step()));
    emit_abilities(tuned.model);
    emit_value("edit_seconds", 0);
    emit_value("lambda_used", std::numeric_limits<double>::quiet_NaN());
  }
  remove_checkpoint(checkpoint_of(bench_));
}

void StageRun::delta() {
  const bool lora = how() == Tuning::lora;
  const std::vector<Term> terms = {original_term()};
  const Tuned tuned =
      tune(assemble(terms, lora ? dtype() : torch::kFloat32), "forget", Answer::old_one);
  emit_curve(tuned.record);
  if (lora) {
    const DType dtype = delta_dtype(deck_);
    for (const auto& [name, tensor] : tuned.adapter->named())
      bench_.emit("final/" + name, to_array(tensor, dtype));
  } else {
    emit_delta(assemble(terms, torch::kFloat32).weights, tuned.weights);
  }
  remove_checkpoint(checkpoint_of(bench_));
}

/// Bisection on the locality of forgetting alone, which falls as lambda grows.
void StageRun::search() {
  const double target = deck_.real("search.locality");
  double low = 0, high = deck_.real("search.largest_lambda");
  std::vector<double> lambdas, localities;
  std::vector<Term> terms = {original_term(), forgetting_term(1)};
  std::optional<Evaluation> evaluation;
  ForcedPredictions before;
  const auto evaluations = static_cast<std::size_t>(deck_.integer("search.evaluations"));
  for (std::size_t i = 0; i < evaluations; ++i) {
    const double lambda = i == 0 ? high : 0.5 * (low + high);
    terms.back().factor = -lambda;
    const Model model = assemble(terms, dtype());
    if (!evaluation) {
      evaluation.emplace(deck_, model, records_);
      before = original_locality(*evaluation);
    }
    lambdas.push_back(lambda);
    localities.push_back(evaluation->locality(model, before, step()));
    (localities.back() >= target ? low : high) = lambda;
    if (low == high) break;  // the end of the interval keeps enough
  }
  lambdas.resize(evaluations, std::numeric_limits<double>::quiet_NaN());
  localities.resize(evaluations, std::numeric_limits<double>::quiet_NaN());
  bench_.emit("tried_lambda", Array::of(lambdas));
  bench_.emit("tried_locality", Array::of(localities));
  bench_.emit("lambda", Array::of(std::vector{low}));
}

void StageRun::forget() {
  const double rate = lambda();
  const std::vector<Term> terms = start_terms();
  const Model model = assemble(terms, dtype());
  evaluate(model);
  emit_value("lambda_used", rate);
  emit_value("edit_seconds", bench_.input(stage_.upstream.at(1), "seconds").as<double>()[0]);
  Tuned nothing;
  nothing.model = model;
  emit_changes(nothing);
  if (wanted_weights()) emit_delta(load(dtype()).weights, assemble(terms, torch::kFloat32).weights);
}

void StageRun::learn() {
  const bool lora = how() == Tuning::lora;
  const std::vector<Term> terms = start_terms();
  Tuned tuned = tune(assemble(terms, lora ? dtype() : torch::kFloat32), "learn", Answer::new_one);
  evaluate(tuned.model);
  double seconds = tuned.record.seconds;
  if (forgets()) seconds += bench_.input(stage_.upstream.at(1), "seconds").as<double>()[0];
  emit_value("edit_seconds", seconds);
  emit_value("lambda_used", forgets() ? lambda() : std::numeric_limits<double>::quiet_NaN());
  emit_row("curves/loss", tuned.record.loss.front());
  emit_changes(tuned);
  if (wanted_weights()) {
    if (lora) {
      tuned.weights = assemble(terms, torch::kFloat32).weights;
      tuned.adapter->merge(tuned.weights);
    }
    emit_delta(load(dtype()).weights, tuned.weights);
  }
  remove_checkpoint(
      checkpoint_of(bench_));  // not earlier: an interruption here keeps the finished training
}

/// /norms: how far forgetting and learning moved each matrix, and whether learning undid it.
void StageRun::emit_changes(const Tuned& tuned) {
  if (!wanted("norms/learn")) return;
  const ModelConfig config = tuned.model.weights.config;
  const Slab& place = place_of("norms/learn");
  const std::size_t layers = place.count.at(1);
  const auto row = [&](const std::string& name, const std::vector<float>& values) {
    bench_.emit("norms/" + name, Array::of(values));
  };
  std::vector<ModelConfig> models;
  for (const std::string& directory : model_directories(deck_))
    models.push_back(ModelConfig::read(directory));
  const std::vector<std::string> names = module_names(models);
  Change old;
  if (forgets()) {
    const Term term = forgetting_term(lambda());
    if (term.adapter) {
      old = product(*term.adapter);
    } else {
      Weights values = load(torch::kFloat32).weights;
      torch::NoGradGuard no_grad;
      for (const auto& [name, view] : values.named()) view.copy_(term.delta(name, view.sizes()));
      old = values_of(values);
    }
    const Change moved = [&](const LinearModule& module) {
      const torch::Tensor part = term.range.holds(module.layer) ? old(module) : torch::Tensor();
      return part.defined() ? part * term.factor : part;
    };
    row("forget", tabulate(config, names, layers, moved, nullptr).norm);
  }
  if (!tuned.adapter && tuned.weights.layers.empty()) return;  // nothing was learned
  const Change learned =
      tuned.adapter ? product(*tuned.adapter)
                    : difference(assemble(start_terms(), torch::kFloat32).weights, tuned.weights);
  const ChangeTable table = tabulate(config, names, layers, learned, old);
  row("learn", table.norm);
  if (old) row("cosine", table.cosine);
}

}  // namespace factsweep::flearning
