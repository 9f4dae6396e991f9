#include "datasets.hpp"

#include <algorithm>

namespace factsweep::flearning {
namespace {

DatasetSpec text(const std::string& path, const std::vector<std::string>& values,
                 const std::string& dimension, const std::string& long_name) {
  return text_dataset(path, values, {values.size()}, {dimension}, long_name);
}

std::string long_name(const std::string& outcome) {
  const bool old = outcome.find("_old") != std::string::npos;
  const std::string answer = old ? "old answer" : "new answer";
  std::string name = outcome.starts_with("reliability") ? answer + " to the question"
                     : outcome.starts_with("generality")
                         ? answer + " to the rephrased question"
                         : "unchanged answer to the unrelated question";
  return name + (outcome.ends_with("_exact") ? ", whole answers" : ", share of answer tokens");
}

}  // namespace

const std::vector<std::string>& outcome_names() {
  static const std::vector<std::string> names = {
      "reliability",           "generality",          "locality",        "reliability_exact",
      "generality_exact",      "locality_exact",      "reliability_old", "generality_old",
      "reliability_old_exact", "generality_old_exact"};
  return names;
}

std::vector<std::string> module_names(std::span<const ModelConfig> models) {
  std::vector<std::string> names;
  for (const ModelConfig& model : models) {
    for (const LinearModule& module : linear_modules(model, 0)) {
      if (std::find(names.begin(), names.end(), module.in_layer) == names.end())
        names.push_back(module.in_layer);
    }
  }
  return names;
}

std::vector<DatasetSpec> record_datasets(std::span<const EditCorpus> corpora) {
  std::vector<DatasetSpec> specs;
  for (const EditCorpus& corpus : corpora) {
    const std::string base = "/records/" + corpus.name + "/";
    std::vector<std::int64_t> rows;
    for (const EditRecord& record : corpus.records) rows.push_back(record.row);
    specs.push_back(dataset(base + "row", DType::int64, {rows.size()}, {"record"}, "1",
                            "record of the file, from 0"));
    specs.back().content = Array::of(rows);
    const auto column = [&](const char* name, std::string EditRecord::*field,
                            const std::string& what) {
      std::vector<std::string> values;
      for (const EditRecord& record : corpus.records) values.push_back(record.*field);
      specs.push_back(text(base + name, values, "record", what));
    };
    column("subject", &EditRecord::subject, "subject");
    column("prompt", &EditRecord::prompt, "question");
    column("target_old", &EditRecord::target_old, "old answer");
    column("target_new", &EditRecord::target_new, "new answer");
    column("rephrase", &EditRecord::rephrase, "rephrased question");
    column("locality_prompt", &EditRecord::locality_prompt, "unrelated question");
    column("locality_answer", &EditRecord::locality_answer, "its answer");
    std::vector<std::string> reasons;
    std::vector<std::int64_t> counts;
    for (const auto& [reason, count] : corpus.left_out) {
      reasons.push_back(reason);
      counts.push_back(count);
    }
    if (reasons.empty()) continue;
    specs.push_back(text(base + "left_out_reason", reasons, "reason", "why records were left out"));
    specs.push_back(dataset(base + "left_out", DType::int64, {counts.size()}, {"reason"}, "records",
                            "records left out"));
    specs.back().content = Array::of(counts);
  }
  return specs;
}

std::vector<DatasetSpec> point_datasets(const PointShape& shape) {
  std::vector<DatasetSpec> specs;
  const std::uint64_t points = shape.points;
  for (const std::string& name : outcome_names()) {
    specs.push_back(dataset("/points/" + name, DType::float64, {points}, {"point"}, "fraction",
                            long_name(name)));
    specs.push_back(dataset("/outcomes/" + name, DType::float32, {points, shape.records},
                            {"point", "record"}, "fraction", long_name(name)));
  }
  for (const std::string& ability : shape.abilities)
    specs.push_back(dataset("/points/" + ability, DType::float64, {points}, {"point"}, "fraction",
                            "accuracy on a task that has nothing to do with the edits"));
  specs.push_back(dataset("/points/n_records", DType::int64, {points}, {"point"}, "records",
                          "records edited and asked"));
  specs.push_back(dataset("/points/lambda_used", DType::float64, {points}, {"point"}, "1",
                          "rate of forgetting, the search's where it was searched", "lambda"));
  specs.push_back(dataset("/points/edit_seconds", DType::float64, {points}, {"point"}, "s",
                          "wall time of all edits: trainings and editing, without the original "
                          "model's training and without evaluation"));
  specs.back().role = Role::time;
  std::vector<std::int64_t> epochs, layers;
  for (std::uint64_t i = 1; i <= shape.epochs; ++i) epochs.push_back(static_cast<std::int64_t>(i));
  for (std::uint64_t i = 0; i < shape.layers; ++i) layers.push_back(static_cast<std::int64_t>(i));
  specs.push_back(
      dataset("/curves/epoch", DType::int64, {shape.epochs}, {"epoch"}, "epochs", "epochs done"));
  specs.back().content = Array::of(epochs);
  specs.push_back(dataset("/curves/loss", DType::float64, {points, shape.epochs},
                          {"point", "epoch"}, "nat", "training loss on the new answers"));
  const std::uint64_t modules = shape.modules.size();
  specs.push_back(dataset("/norms/layer", DType::int64, {shape.layers}, {"layer"}, "1", "layer"));
  specs.back().content = Array::of(layers);
  specs.push_back(text("/norms/module", shape.modules, "module", "matrix of a layer"));
  const std::vector<std::uint64_t> by_matrix = {points, shape.layers, modules};
  const std::vector<std::string> dimensions = {"point", "layer", "module"};
  specs.push_back(dataset("/norms/forget", DType::float32, by_matrix, dimensions, "1",
                          "L2 norm of a matrix's change by forgetting", "||theta' - theta||"));
  specs.push_back(dataset("/norms/learn", DType::float32, by_matrix, dimensions, "1",
                          "L2 norm of a matrix's change by learning", "||theta* - theta'||"));
  specs.push_back(dataset("/norms/cosine", DType::float32, by_matrix, dimensions, "1",
                          "cosine between the old knowledge's parameters and the change by "
                          "learning",
                          "cos(theta_delta_old, theta* - theta')"));
  return specs;
}

}  // namespace factsweep::flearning
