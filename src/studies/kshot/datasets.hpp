// Every dataset that the study fills, with its shape, unit and name (docs/layout.md).
#pragma once

#include <string>
#include <vector>

#include "factsweep/plan/plan.hpp"
#include "grid.hpp"
#include "sets.hpp"

namespace factsweep::kshot {

struct FileShape {
  std::uint64_t points = 1, tasks = 1, adapters = 1, draws = 1;
  std::uint64_t examples = 1, shots = 1, experts = 1, samples = 1;  // largest of all points
  std::uint64_t bank_epochs = 1, epochs = 1;
  std::vector<std::string> modules;  // that adapters adapt
  bool products = false;             // similarity is one of updates B A
};

/// Rows of a task's train set, ascending.
std::vector<std::int64_t> shots_of(const TaskEntry& task, std::int64_t shots, std::int64_t draw);

/// What a model's test fills, each of a model in /tests and of a point in /points or /outcomes.
struct TestColumn {
  std::string name;
  DType dtype;
  bool of_examples;
  std::string units, long_name;

  /// What stages call it: the path of a point's dataset.
  std::string output() const { return (of_examples ? "outcomes/" : "points/") + name; }
};
/// Those of programs only where a task asks for programs.
std::vector<TestColumn> test_columns(const Sets& sets);

/// Bytes of /bank/failure, why a training failed.
inline constexpr std::size_t kLongestFailure = 160;

/// /tasks, /pools, /bank, /signals, /tests.
std::vector<DatasetSpec> study_datasets(const FileShape& shape, const Sets& sets,
                                        const std::vector<std::int64_t>& draws);
/// /points, /outcomes, /curves, /selection and /moe: a row for each point, but for scales.
std::vector<DatasetSpec> point_datasets(const FileShape& shape, const Sets& sets,
                                        const std::vector<GridPoint>& points);

}  // namespace factsweep::kshot
