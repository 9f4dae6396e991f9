// Every dataset that the study fills, with its shape, unit and name (docs/layout.md).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/model/config.hpp"
#include "factsweep/plan/plan.hpp"

namespace factsweep::flearning {

/// Columns of /points that an evaluation fills, each the mean of one of /outcomes over records.
const std::vector<std::string>& outcome_names();

/// Names of the modules of a layer that hold a matrix, "self_attn.q_proj", of all the models.
std::vector<std::string> module_names(std::span<const ModelConfig> models);

/// /records: the questions and answers of each data set, and why others were left out.
std::vector<DatasetSpec> record_datasets(std::span<const EditCorpus> corpora);

struct PointShape {
  std::uint64_t points = 0, records = 0, epochs = 0, layers = 0;
  std::vector<std::string> modules;
  std::vector<std::string> abilities;  // columns
};
/// /points, /outcomes, /curves and /norms.
std::vector<DatasetSpec> point_datasets(const PointShape& shape);

}  // namespace factsweep::flearning
