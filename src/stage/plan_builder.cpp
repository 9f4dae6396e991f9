#include "factsweep/stage/plan_builder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "factsweep/core/random.hpp"

namespace factsweep {

PlanBuilder::PlanBuilder(std::string study, const Deck& deck) : deck_(deck) {
  plan_.study = std::move(study);
}

void PlanBuilder::dimension(const std::string& name, std::uint64_t length) {
  const auto [known, fresh] = lengths_.try_emplace(name, length);
  require(fresh || known->second == length, "PlanBuilder: two lengths of the dimension " + name);
}

std::uint64_t PlanBuilder::length(const ColumnBase& column, std::size_t axis) const {
  return length(column.path, column.dimensions.at(axis));
}

std::uint64_t PlanBuilder::length(const std::string& path, const std::string& name) const {
  auto known = lengths_.find(path.substr(0, path.rfind('/') + 1) + name);
  if (known == lengths_.end()) known = lengths_.find(name);
  require(known != lengths_.end(),
          fmt::format("PlanBuilder: nobody says how long '{}' of {} is", name, path));
  return known->second;
}

DatasetSpec PlanBuilder::spec_of(const AnyColumn& column) const {
  const ColumnBase& about = column.about;
  DatasetSpec spec;
  spec.path = about.path;
  spec.dtype = column.dtype;
  spec.text_length = about.text_length;
  for (std::size_t axis = 0; axis < about.dimensions.size(); ++axis)
    spec.shape.push_back(length(about, axis));
  spec.dimensions = about.dimensions;
  spec.units = about.units;
  spec.long_name = about.long_name;
  spec.symbol = about.symbol;
  spec.role = about.role;
  return spec;
}

void PlanBuilder::declare(const AnyColumn& column) {
  declare(spec_of(column));
}

void PlanBuilder::declare(const std::vector<AnyColumn>& columns) {
  for (const AnyColumn& column : columns) declare(column);
}

void PlanBuilder::declare(DatasetSpec spec) {
  const bool fresh = declared_.insert(spec.path).second;
  require(fresh, "PlanBuilder: two datasets " + spec.path);
  plan_.datasets.push_back(std::move(spec));
}

void PlanBuilder::fill(const AnyColumn& column, Array content, std::size_t text_length) {
  DatasetSpec spec = spec_of(column);
  if (spec.dtype == DType::text) spec.text_length = text_length;
  spec.content = std::move(content);
  declare(std::move(spec));
}

std::size_t PlanBuilder::point(std::string id, std::vector<AxisValue> values) {
  plan_.points.push_back({std::move(id), std::move(values), 0});
  return plan_.points.size() - 1;
}

PlanBuilder::Added PlanBuilder::add(Stage stage, std::string title, const Cost& cost) {
  stage.title = std::move(title);
  stage.cost_flop = cost.flop;
  stage.memory_bytes = cost.bytes;
  stage.activation_bytes = cost.activations;
  stage.checkpoint_bytes = cost.checkpoint;
  const std::size_t before = plan_.stages.size();
  const Upstream index{plan_.add_stage(std::move(stage))};
  return {index, plan_.stages.size() > before};
}

Output& PlanBuilder::output_of(Stage& stage, const ColumnBase& column) {
  for (Output& output : stage.outputs) {
    if (output.name == column.output()) return output;
  }
  stage.outputs.push_back({column.output(), {}, column.shared});
  return stage.outputs.back();
}

void PlanBuilder::output(Upstream stage, const ColumnBase& column) {
  output_of(plan_.stages.at(stage.stage), column);
}

void PlanBuilder::output(Upstream stage, Output output) {
  plan_.stages.at(stage.stage).outputs.push_back(std::move(output));
}

void PlanBuilder::place(Upstream index, const AnyColumn& column, std::vector<std::uint64_t> at,
                        std::uint64_t rows) {
  Stage& stage = plan_.stages.at(index.stage);
  const std::string path = column.about.path_of(stage.key);
  if (declared_.count(path) == 0) {
    AnyColumn resolved = column;
    resolved.about.path = path;
    declare(resolved);
  }
  const std::size_t axes = column.about.dimensions.size();
  require(at.size() <= axes, "PlanBuilder: more indices than axes: " + path);
  Slab slab{File::results, path, std::vector<std::uint64_t>(axes),
            std::vector<std::uint64_t>(axes, 1)};
  std::copy(at.begin(), at.end(), slab.offset.begin());
  if (!at.empty()) slab.count[at.size() - 1] = rows;
  for (std::size_t axis = at.size(); axis < axes; ++axis)
    slab.count[axis] = length(path, column.about.dimensions[axis]);
  output_of(stage, column.about).places.push_back(std::move(slab));
}

void PlanBuilder::place(Upstream stage, const std::vector<AnyColumn>& columns,
                        const std::vector<std::uint64_t>& at) {
  std::vector<Output>& outputs = plan_.stages.at(stage.stage).outputs;
  outputs.reserve(outputs.size() + columns.size());
  for (const AnyColumn& column : columns) place(stage, column, at);
}

void PlanBuilder::place_tensor(Upstream stage, const std::string& output, DatasetSpec spec) {
  spec.file = File::weights;
  this->output(stage, Output{output, {whole(spec)}, false});
  declare(std::move(spec));
}

PlanBuilder::OpenGroup& PlanBuilder::open_group(const WeightGroup& group) {
  std::string signature = group.name + nlohmann::json(group.about).dump();
  for (const DatasetSpec& output : group.outputs)
    signature += fmt::format("|{} {} {} {} {}", output.path, static_cast<int>(output.dtype),
                             output.text_length, fmt::join(output.shape, ","), output.long_name);
  const auto [place, is_new] = groups_.try_emplace(hex(hash_text(signature)));
  if (is_new) {
    const int same_name = ++folders_[group.name];
    place->second.folder =
        "/deltas/" + group.name + (same_name > 1 ? fmt::format("_{}", same_name) : "");
    place->second.group = group;
  }
  return place->second;
}

void PlanBuilder::place_weights(Upstream stage, const WeightGroup& group) {
  OpenGroup& open = open_group(group);
  const auto row = static_cast<std::uint64_t>(open.stages.size());
  open.stages.push_back(static_cast<std::int64_t>(stage.stage));
  for (const DatasetSpec& output : group.outputs) {
    Slab slab{File::weights, open.folder + "/" + output.path,
              std::vector<std::uint64_t>(output.shape.size() + 1, 0), output.shape};
    slab.offset.front() = row;
    slab.count.insert(slab.count.begin(), 1);
    plan_.stages.at(stage.stage).outputs.push_back({output.path, {std::move(slab)}, false});
  }
}

Plan PlanBuilder::finish() {
  for (auto& [signature, open] : groups_) {
    const auto rows = static_cast<std::uint64_t>(open.stages.size());
    declare({.file = File::weights,
             .path = open.folder + "/stage",
             .dtype = DType::int64,
             .shape = {rows},
             .long_name = "row of /stages whose weights a row has",
             .content = Array::of(open.stages)});
    for (const auto& [name, text] : open.group.about)
      declare(weights_text(open.folder + "/about/" + name, text, name));
    for (DatasetSpec& output : open.group.outputs) {
      output.file = File::weights;
      output.path = open.folder + "/" + output.path;
      output.shape.insert(output.shape.begin(), rows);
      declare(std::move(output));
    }
  }
  return std::move(plan_);
}

}  // namespace factsweep
