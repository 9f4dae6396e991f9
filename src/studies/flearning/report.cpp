// What a stage tells of a model: outcomes by record, and their means.
#include <algorithm>
#include <limits>

#include "datasets.hpp"
#include "stage_run.hpp"

namespace factsweep::flearning {
namespace {

const Output& output_of(const Stage& stage, const std::string& name) {
  const auto found = std::find_if(stage.outputs.begin(), stage.outputs.end(),
                                  [&](const Output& output) { return output.name == name; });
  require(found != stage.outputs.end(), "flearning: the stage has no output " + name);
  return *found;
}

}  // namespace

const Slab& StageRun::place_of(const std::string& output) const {
  return output_of(stage_, output).places.at(0);
}

bool StageRun::wanted(const std::string& output) const {
  return !output_of(stage_, output).places.empty();
}

bool StageRun::wanted_weights() const {
  return std::any_of(stage_.outputs.begin(), stage_.outputs.end(),
                     [](const Output& output) { return output.name.starts_with("final/"); });
}

/// As long as the dataset's rows, NaN behind the values.
void StageRun::emit_row(const std::string& output, std::vector<double> values) {
  if (!wanted(output)) return;
  values.resize(place_of(output).count.at(1), std::numeric_limits<double>::quiet_NaN());
  if (output.starts_with("curves/")) return bench_.emit(output, Array::of(values));
  bench_.emit(output, Array::of(std::vector<float>(values.begin(), values.end())));
}

void StageRun::emit_value(const std::string& point_column, double value) {
  bench_.emit("points/" + point_column, Array::of(std::vector{value}));
}

void StageRun::emit_outcomes(const std::map<std::string, std::vector<double>>& outcomes) {
  std::size_t asked = 0;
  for (const auto& [name, values] : outcomes) {
    emit_value(name, mean(values));
    emit_row("outcomes/" + name, values);
    asked = values.size();
  }
  bench_.emit("points/n_records", Array::of(std::vector{static_cast<std::int64_t>(asked)}));
}

EvaluationStep StageRun::step() const {
  return [this](double fraction, std::int64_t tokens) { bench_.step(fraction, tokens); };
}

ForcedPredictions StageRun::original_locality(const Evaluation& evaluation) const {
  const std::size_t original = stage_.upstream.at(0);
  const std::size_t width =
      output_of(plan_.stages[original], "locality_predicted").places.front().count.at(1);
  return evaluation.unpadded(bench_.input(original, "locality_predicted").as<std::int32_t>(),
                             width);
}

void StageRun::evaluate(const Model& model) {
  const Evaluation evaluation(deck_, model, records_);
  emit_outcomes(evaluation.ask(model, original_locality(evaluation), step()));
  emit_abilities(model);
}

void StageRun::emit_abilities(const Model& model) {
  for (const auto& [column, accuracy] : ask_abilities(deck_, model, abilities_, step()))
    emit_value(column, accuracy);
}

}  // namespace factsweep::flearning
