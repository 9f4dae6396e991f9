// Which datasets exist, and what they hold before any work is done.
#include "layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "factsweep/store/store.hpp"

namespace factsweep {
namespace {

constexpr std::size_t kTitleBytes = 4096;
constexpr const char* kStatusMeaning = "0 waiting, 1 running, 2 done, 3 failed, 4 blocked";

template <typename Row, typename Project>
auto column(const std::vector<Row>& rows, Project project) {
  std::vector<std::invoke_result_t<Project, const Row&>> values;
  values.reserve(rows.size());
  for (const Row& row : rows) values.push_back(project(row));
  return values;
}

/// Text content, as wide as its longest value but at most `limit`.
std::pair<Array, std::size_t> text_column(const std::vector<std::string>& values,
                                          std::size_t limit) {
  std::size_t width = 1;
  for (const std::string& value : values) width = std::max(width, value.size());
  width = std::min(width, limit);
  return {Array::of_text(values, width), width};
}

Array row_numbers(std::uint64_t count) {
  std::vector<std::int64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return Array::of(numbers);
}

/// The values of one axis: text if any is text, whole numbers if all are, else floating point.
void set_axis_values(DatasetSpec& spec, const Plan& plan, std::size_t axis) {
  const auto is = [&]<typename T>(T) {
    return [axis](const Point& point) { return std::holds_alternative<T>(point.values[axis]); };
  };
  for (const Point& point : plan.points) {
    require(point.values.size() == plan.axes.size(),
            "a point needs one value an axis: " + point.id);
  }
  if (std::any_of(plan.points.begin(), plan.points.end(), is(std::string()))) {
    require(std::all_of(plan.points.begin(), plan.points.end(), is(std::string())),
            "axis '" + spec.path + "' mixes text and numbers");
    spec.dtype = DType::text;
    std::tie(spec.content, spec.text_length) = text_column(
        column(plan.points,
               [axis](const Point& p) { return std::get<std::string>(p.values[axis]); }),
        1024);
  } else if (std::all_of(plan.points.begin(), plan.points.end(), is(std::int64_t()))) {
    spec.dtype = DType::int64;
    spec.content = Array::of(column(
        plan.points, [axis](const Point& p) { return std::get<std::int64_t>(p.values[axis]); }));
  } else {
    spec.dtype = DType::float64;
    spec.content = Array::of(column(plan.points, [axis](const Point& p) {
      const auto* whole = std::get_if<std::int64_t>(&p.values[axis]);
      return whole != nullptr ? static_cast<double>(*whole) : std::get<double>(p.values[axis]);
    }));
  }
}

DatasetSpec row_spec(const char* group, const char* dimension, const std::string& name,
                     std::size_t rows, DType dtype) {
  DatasetSpec spec;
  spec.path = fmt::format("/{}/{}", group, name);
  spec.dtype = dtype;
  spec.shape = {rows};
  spec.dimensions = {dimension};
  return spec;
}

Array all_waiting(std::size_t rows) {
  return Array::of(std::vector<std::uint8_t>(rows, static_cast<std::uint8_t>(Status::waiting)));
}

}  // namespace

std::uint64_t volume_of(const std::vector<std::uint64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::uint64_t bytes_of(const DatasetSpec& spec) {
  return volume_of(spec.shape) *
         (spec.dtype == DType::text ? spec.text_length : size_of(spec.dtype));
}

std::string Layout::key(File file, const std::string& path) {
  return (file == File::weights ? "w" : "r") + path;
}

std::string Layout::scale_path(const DatasetSpec& spec, std::size_t axis) {
  return spec.path.substr(0, spec.path.rfind('/') + 1) + spec.dimensions[axis];
}

Layout::Layout(const Plan& plan, bool with_content) {
  for (const DatasetSpec& spec : plan.datasets) {
    require(spec.path.starts_with('/'), "a dataset's path starts with '/': " + spec.path);
    require(spec.dtype != DType::text || spec.text_length > 0, "text needs a length: " + spec.path);
    require(spec.content.bytes.empty() || spec.content.bytes.size() == bytes_of(spec),
            "the initial content differs in size from the dataset: " + spec.path);
    datasets.push_back(&spec);
  }
  add_points(plan, with_content);
  add_stages(plan, with_content);
  add_inputs(plan, with_content);
  add_scales(with_content);
}

void Layout::add(DatasetSpec spec) {
  own_.push_back(std::move(spec));
  datasets.push_back(&own_.back());
}

void Layout::add_points(const Plan& plan, bool with_content) {
  const std::size_t rows = plan.points.size();
  const auto add_row = [&](const std::string& name, DType dtype, const char* long_name,
                           Array content, Role role, std::size_t text_length = 0,
                           const char* units = "") {
    DatasetSpec spec = row_spec("points", "point", name, rows, dtype);
    spec.role = role;
    spec.long_name = long_name;
    spec.units = units;
    spec.text_length = text_length;
    if (with_content) spec.content = std::move(content);
    add(std::move(spec));
  };
  add_row("point", DType::int64, "grid point", row_numbers(rows), Role::axis);
  auto [ids, width] =
      text_column(column(plan.points, [](const Point& point) { return point.id; }), 1024);
  add_row("id", DType::text, "name of the grid point", std::move(ids), Role::text, width);
  for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
    const Axis& about = plan.axes[axis];
    DatasetSpec spec = row_spec("points", "point", about.name, rows, DType::float64);
    spec.units = about.units;
    spec.long_name = about.long_name;
    spec.symbol = about.symbol;
    spec.role = Role::axis;
    set_axis_values(spec, plan, axis);
    add(std::move(spec));
  }
  std::vector<std::int64_t> leaves;
  for (const Point& point : plan.points) leaves.push_back(static_cast<std::int64_t>(point.leaf));
  add_row("stage", DType::int64, "row of the point's last stage in /stages", Array::of(leaves),
          Role::text);
  add_row("status", DType::uint8, kStatusMeaning, all_waiting(rows), Role::text);
  add_row("reason", DType::text, "why the point failed", {}, Role::text, kReasonBytes);
  add_row("seconds", DType::float64, "duration of the point's last stage", {}, Role::time, 0, "s");
  add_row("rank", DType::int32, "rank that ran the point's last stage", {}, Role::text);
}

void Layout::add_stages(const Plan& plan, bool with_content) {
  const std::size_t rows = plan.stages.size();
  const auto add_row = [&](const char* name, DType dtype, const char* long_name,
                           std::size_t text_length = 0, const char* units = "") -> DatasetSpec& {
    DatasetSpec spec = row_spec("stages", "stage", name, rows, dtype);
    spec.long_name = long_name;
    spec.text_length = text_length;
    spec.units = units;
    add(std::move(spec));
    return own_.back();
  };
  const auto add_text = [&](const char* name, const char* long_name, std::size_t limit,
                            auto project) {
    auto [content, width] = text_column(column(plan.stages, project), limit);
    DatasetSpec& spec = add_row(name, DType::text, long_name, width);
    if (with_content) spec.content = std::move(content);
  };
  DatasetSpec& numbers =
      add_row("stage", DType::int64, "stage, in an order that respects dependences");
  add_text("key", "hash of configuration and upstream stages", 16,
           [](const Stage& s) { return s.key; });
  add_text("kind", "kind of work", 64, [](const Stage& s) { return s.kind; });
  add_text("title", "what the stage does", kTitleBytes, [](const Stage& s) { return s.title; });
  DatasetSpec& status = add_row("status", DType::uint8, kStatusMeaning);
  add_row("seconds", DType::float64, "duration", 0, "s");
  add_row("rank", DType::int32, "rank that ran it");
  DatasetSpec& cost = add_row("cost_flop", DType::float64, "estimated work", 0, "FLOP");
  DatasetSpec& memory = add_row("memory_bytes", DType::float64,
                                "estimated memory, the model's included", 0, "byte");
  add_row("peak_bytes", DType::float64, "most memory that was held on the device meanwhile", 0,
          "byte");
  add_row("reason", DType::text, "why it failed", kReasonBytes);
  add_row("checksum", DType::int64, "of what it left in this file, when it was done");
  add_row("weights_checksum", DType::int64, "of what it left in the weights file");
  add_edges(plan, with_content);
  if (!with_content) return;
  numbers.content = row_numbers(rows);
  status.content = all_waiting(rows);
  cost.content = Array::of(column(plan.stages, [](const Stage& s) { return s.cost_flop; }));
  memory.content = Array::of(column(plan.stages, [&](const Stage& s) { return plan.bytes_of(s); }));
}

/// Stage i depends on the stages upstream[upstream_begin[i] .. upstream_begin[i + 1]).
void Layout::add_edges(const Plan& plan, bool with_content) {
  std::vector<std::int64_t> upstream, begin = {0};
  for (const Stage& stage : plan.stages) {
    upstream.insert(upstream.end(), stage.upstream.begin(), stage.upstream.end());
    begin.push_back(static_cast<std::int64_t>(upstream.size()));
  }
  const auto add_numbers = [&](const char* name, const char* long_name,
                               const std::vector<std::int64_t>& numbers) {
    DatasetSpec spec =
        dataset(fmt::format("/stages/{}", name), DType::int64, {numbers.size()}, {}, "", long_name);
    if (with_content) spec.content = Array::of(numbers);
    add(std::move(spec));
  };
  add_numbers("upstream", "rows of the stages that each stage depends on, one after the other",
              upstream);
  add_numbers("upstream_begin", "where a stage's part of upstream begins; its end is the next one",
              begin);
}

void Layout::add_inputs(const Plan& plan, bool with_content) {
  if (plan.inputs.empty()) return;
  const auto add_text = [&](const char* name, const char* long_name, std::string Input::*value) {
    auto [content, width] =
        text_column(column(plan.inputs, [&](const Input& i) { return i.*value; }), kTitleBytes);
    DatasetSpec spec = row_spec("inputs", "input", name, plan.inputs.size(), DType::text);
    spec.long_name = long_name;
    spec.text_length = width;
    if (with_content) spec.content = std::move(content);
    add(std::move(spec));
  };
  add_text("name", "what the sweep was read from", &Input::name);
  add_text("place", "where that was", &Input::place);
  add_text("fingerprint", "changes with what it holds; empty: the stages' keys tell",
           &Input::fingerprint);
}

void Layout::add_scales(bool with_content) {
  std::unordered_map<std::string, const DatasetSpec*> known;
  for (const DatasetSpec* spec : datasets) {
    require(known.emplace(key(spec->file, spec->path), spec).second,
            "dataset planned twice: " + spec->path);
  }
  const std::vector<const DatasetSpec*> given = datasets;
  for (const DatasetSpec* spec : given) {
    if (spec->dimensions.empty()) continue;
    require(spec->dimensions.size() == spec->shape.size(),
            "a dataset needs one dimension an axis: " + spec->path);
    for (std::size_t axis = 0; axis < spec->shape.size(); ++axis) {
      const std::string path = scale_path(*spec, axis);
      const std::string id = key(spec->file, path);
      const auto found = known.find(id);
      if (found == known.end()) {
        DatasetSpec scale;
        scale.file = spec->file;
        scale.path = path;
        scale.dtype = DType::int64;
        scale.shape = {spec->shape[axis]};
        scale.dimensions = {spec->dimensions[axis]};
        if (with_content) scale.content = row_numbers(spec->shape[axis]);
        add(std::move(scale));
        known.emplace(id, datasets.back());
      } else {
        require(
            found->second->shape == std::vector<std::uint64_t>{spec->shape[axis]},
            fmt::format("axis {} of {} and its scale {} differ in length", axis, spec->path, path));
      }
      scales.insert(id);
    }
  }
}

}  // namespace factsweep
