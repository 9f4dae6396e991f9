// The weights a stage begins with: the base model's files, and what earlier stages stored.
#include <fmt/format.h>

#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/support/training_options.hpp"
#include "stage_run.hpp"

namespace factsweep::flearning {

StageRun::StageRun(const Deck& deck, const EditCorpus& corpus,
                   const std::vector<TaskSet>& abilities, const Plan& plan, const Stage& stage,
                   torch::Device device, Workbench& bench)
    : deck_(deck),
      abilities_(abilities),
      plan_(plan),
      stage_(stage),
      device_(device),
      bench_(bench),
      records_(
          std::span(corpus.records).first(stage.configuration.at("records").get<std::size_t>())) {}

Model StageRun::load(torch::Dtype dtype) const {
  return Model::load(text("directory"), dtype, device_);
}

TensorSource StageRun::stored_delta(std::size_t upstream) const {
  return [this, upstream](const std::string& name, at::IntArrayRef shape) {
    return to_tensor(bench_.input(upstream, "final/" + name), shape);
  };
}

LoraAdapter StageRun::stored_adapter(std::size_t upstream) const {
  const Model base = load(dtype());
  const LoraConfig config = lora_config(deck_);
  NamedTensors tensors;
  for (const auto& [name, shape] : adapter_shapes(config, base.weights.config, lora_place(deck_)))
    tensors.emplace_back(name, to_tensor(bench_.input(upstream, "final/" + name), shape));
  const std::string place = plan_.stages[upstream].title;
  return LoraAdapter::of(config, tensors, base.weights, place, place).clone(torch::kFloat32);
}

Term StageRun::original_term() const {
  Term term;
  term.delta = stored_delta(stage_.upstream.at(0));
  return term;
}

Tuning StageRun::forgets_by() const {
  const nlohmann::json& forget = stage_.configuration.at("forget");
  return parse_tuning((forget.is_string() ? forget : forget.at("how")).get<std::string>());
}

Term StageRun::forgetting_term(double lambda) const {
  const nlohmann::json& forget = stage_.configuration.at("forget");
  const std::string layers =
      forget.is_string() ? text("layers") : forget.at("layers").get<std::string>();
  Term term;
  term.factor = -lambda;
  term.range = LayerRange::parse(layers, ModelConfig::read(text("directory")).layers,
                                 deck_.where("grid.layers") + ": grid.layers");
  const std::size_t delta = stage_.upstream.at(1);
  if (forgets_by() == Tuning::lora)
    term.adapter = stored_adapter(delta);
  else
    term.delta = stored_delta(delta);
  return term;
}

double StageRun::lambda() const {
  const nlohmann::json& forget = stage_.configuration.at("forget");
  if (forget.contains("lambda")) return forget.at("lambda");
  return bench_.input(stage_.upstream.at(2), "lambda").as<double>()[0];
}

std::vector<Term> StageRun::start_terms() const {
  std::vector<Term> terms = {original_term()};
  if (forgets()) terms.push_back(forgetting_term(lambda()));
  return terms;
}

Model StageRun::assemble(std::span<const Term> terms, torch::Dtype dtype) const {
  // what the files hold is rounded to the deck's dtype first, whatever the sum is kept in
  Model model = load(this->dtype());
  if (dtype != this->dtype()) model.weights = model.weights.clone(dtype);
  add_terms(model.weights, terms);
  return model;
}

}  // namespace factsweep::flearning
