// Lays out a plan: dimensions, datasets, points, stages, and where each stage's outputs land.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/stage/column.hpp"
#include "factsweep/stage/kind.hpp"

namespace factsweep {

/// Estimates for the scheduler and for `plan`.
struct Cost {
  double flop = 0;
  double bytes = 0;  // of memory, beyond the model's own weights
  double activations = 0;  // of these bytes, what a smaller train.microbatch_tokens makes less
  double checkpoint = 0;   // bytes on the disk while it runs

  /// The stage holds so much at another time, whatever a pass takes.
  void also(double held) {
    const double least = std::max(bytes - activations, held);
    bytes = std::max(bytes, least);
    activations = bytes - least;
  }
};

/// What many stages leave in the weights file, each in its row of the same datasets.
struct WeightGroup {
  std::string name;                          // "full", "lora": its folder under /deltas
  std::map<std::string, std::string> about;  // texts that say what the tensors are, by name
  std::vector<DatasetSpec> outputs;          // of one stage; path: the output's name
};

class PlanBuilder {
 public:
  PlanBuilder(std::string study, const Deck& deck);

  const Deck& deck() const { return deck_; }
  const Stage& stage(Upstream stage) const { return plan_.stages.at(stage.stage); }
  /// Weights of one copy of the model.
  void model_bytes(double bytes) { plan_.model_bytes = std::max(plan_.model_bytes, bytes); }

  /// Something that the plan was read from.
  void input(Input input) { plan_.inputs.push_back(std::move(input)); }
  /// See Plan::kept.
  void weights(std::string kept, std::string not_kept) {
    plan_.kept = std::move(kept);
    plan_.not_kept = std::move(not_kept);
  }

  /// The length of every axis of that name, or, as "/variants/question", of that group's alone.
  void dimension(const std::string& name, std::uint64_t length);
  std::uint64_t length(const ColumnBase& column, std::size_t axis) const;

  /// A dataset whose rows stages fill, or nobody.
  void declare(const AnyColumn& column);
  void declare(const std::vector<AnyColumn>& columns);
  /// A dataset that is known now. A text takes the bytes of the longest, or those of the column.
  template <typename T>
  void fill(const Column<T>& column, const std::vector<T>& values) {
    if constexpr (std::same_as<T, std::string>) {
      std::size_t longest = std::max<std::size_t>(1, column.text_length);
      for (const std::string& value : values) longest = std::max(longest, value.size());
      fill(column, Array::of_text(values, longest), longest);
    } else {
      fill(column, Array::of(values), 0);
    }
  }
  /// A dataset or tensor that no column describes.
  void declare(DatasetSpec spec);

  void axes(std::vector<Axis> axes) { plan_.axes = std::move(axes); }
  /// Returns the point's row.
  std::size_t point(std::string id, std::vector<AxisValue> values);
  /// The stage whose end completes the point.
  void leaf(std::size_t point, Upstream stage) { plan_.points.at(point).leaf = stage.stage; }

  struct Added {
    Upstream stage;
    bool is_new = false;  // else an equal stage was there
  };
  template <StageKind K>
  Added add(const K& fields, std::string title, const Cost& cost) {
    return add(stage_of(fields, science_of(fields)), std::move(title), cost);
  }

  /// What is said now in fields that its key has not: see FieldWriter::local().
  template <StageKind K>
  void local(Upstream stage, const K& fields) {
    plan_.stages.at(stage.stage).local = stage_of(fields, nlohmann::json()).local;
  }

  /// The stage's output lands in `rows` rows from `at` on: `at` has the first indices of the
  /// leading axes, of which all but the last take one index each and the last takes `rows`; other
  /// axes are filled whole. A stage that serves several points has several places an output. The
  /// dataset is declared where it is not yet.
  void place(Upstream stage, const AnyColumn& column, std::vector<std::uint64_t> at = {},
             std::uint64_t rows = 1);
  /// Of each column the row, or the rows of further axes, that `at` says.
  void place(Upstream stage, const std::vector<AnyColumn>& columns,
             const std::vector<std::uint64_t>& at);
  /// An output without a place, until a point wants it.
  void output(Upstream stage, const ColumnBase& column);
  /// An output of places that the caller knows: rows of a tensor.
  void output(Upstream stage, Output output);
  /// A whole tensor of the weights file, with the output's name `output`.
  void place_tensor(Upstream stage, const std::string& output, DatasetSpec spec);
  /// The group's outputs, as outputs of the stage: in row i of /deltas/NAME/<output> [stage, ...],
  /// where /deltas/NAME/stage[i] is the stage's row of /stages; the texts are /deltas/NAME/about/*.
  /// Stages whose groups are equal share datasets, as 10^5 stages of 200 tensors could not have one
  /// each; a group that differs from an earlier one of its name becomes NAME_2.
  void place_weights(Upstream stage, const WeightGroup& group);

  Plan finish();

 private:
  /// Stages that read the same keys share their slice: of 10^5 it would be made as often.
  template <StageKind K>
  const nlohmann::json& science_of(const K& fields) {
    const auto [found, is_new] = science_.try_emplace(fields.deck_keys());
    if (is_new) found->second = slice_of(fields, deck_).science();
    return found->second;
  }
  Added add(Stage stage, std::string title, const Cost& cost);
  DatasetSpec spec_of(const AnyColumn& column) const;
  void fill(const AnyColumn& column, Array content, std::size_t text_length);
  std::uint64_t length(const std::string& path, const std::string& dimension) const;
  Output& output_of(Stage& stage, const ColumnBase& column);

  struct OpenGroup {
    std::string folder;  // "/deltas/lora_2"
    WeightGroup group;
    std::vector<std::int64_t> stages;
  };
  OpenGroup& open_group(const WeightGroup& group);

  const Deck& deck_;
  Plan plan_;
  std::map<std::vector<std::string>, nlohmann::json> science_;  // by deck_keys()
  std::map<std::string, OpenGroup> groups_;  // by signature
  std::map<std::string, int> folders_;       // how many groups a name has
  std::map<std::string, std::uint64_t> lengths_;
  std::set<std::string> declared_;  // paths
};

}  // namespace factsweep
