#include "factsweep/plan/describe.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>

#include "factsweep/core/console.hpp"
#include "factsweep/plan/scheduler.hpp"

namespace factsweep {
namespace {

/// Of a dataset with its attributes and its place in a group, about: most of a small file.
constexpr double kHeaderBytes = 1400;

using Row = std::vector<std::string>;

constexpr std::size_t kShownValues = 8;  // of one axis; longer axes show both ends

/// Rows in columns two spaces apart: the first column to the left, the others to the right unless
/// `left`.
std::string table(const std::vector<Row>& rows, bool left = false) {
  std::vector<std::size_t> width(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t k = 0; k < row.size(); ++k) width[k] = std::max(width[k], row[k].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t k = 0; k < row.size(); ++k) {
      line += k == 0 || left ? fmt::format("  {:<{}}", row[k], width[k])
                             : fmt::format("  {:>{}}", row[k], width[k]);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string flop(double count) {
  return count == 0 ? "0" : fmt::format("{:.3g}", count);
}

/// Which stages serve several points. Sets of points are too large to carry along; none, one
/// (which), or several is enough, and dependants come after their upstream stages.
std::vector<bool> serves_several_points(const Plan& plan) {
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  constexpr std::size_t kSeveral = kNone - 1;
  std::vector<std::size_t> point(plan.stages.size(), kNone);
  const auto join = [&](std::size_t stage, std::size_t other) {
    if (other == kNone || point[stage] == other) return;
    point[stage] = point[stage] == kNone ? other : kSeveral;
  };
  for (std::size_t i = 0; i < plan.points.size(); ++i) join(plan.points[i].leaf, i);
  for (std::size_t i = plan.stages.size(); i-- > 0;) {
    for (const std::size_t upstream : plan.stages[i].upstream) join(upstream, point[i]);
  }
  std::vector<bool> several(plan.stages.size());
  for (std::size_t i = 0; i < point.size(); ++i) several[i] = point[i] == kSeveral;
  return several;
}

struct KindTotal {
  std::size_t count = 0, shared = 0;
  double flop = 0, seconds = 0, memory = 0;
};

bool is_done(const std::vector<bool>& done, std::size_t stage) {
  return !done.empty() && done[stage];
}

std::string stage_table(const Plan& plan, const Pace& pace, const std::vector<bool>& done) {
  const std::vector<bool> shared = serves_several_points(plan);
  std::vector<std::string> kinds;  // in order of first appearance, which is the order of work
  std::map<std::string, KindTotal> totals;
  KindTotal all;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const Stage& stage = plan.stages[i];
    if (is_done(done, i)) continue;
    const auto [total, fresh] = totals.try_emplace(stage.kind);
    if (fresh) kinds.push_back(stage.kind);
    for (KindTotal* sum : {&total->second, &all}) {
      ++sum->count;
      sum->shared += shared[i] ? 1 : 0;
      sum->flop += stage.cost_flop;
      sum->seconds += pace.seconds(stage);
      sum->memory = std::max(sum->memory, plan.bytes_of(stage));
    }
  }
  std::vector<Row> rows = {{"stages", "count", "shared", "FLOP", "one rank", "memory"}};
  const auto add = [&](const std::string& name, const KindTotal& total) {
    rows.push_back({name, std::to_string(total.count), std::to_string(total.shared),
                    flop(total.flop), console::duration(total.seconds),
                    console::bytes(total.memory)});
  };
  for (const std::string& kind : kinds) add(kind, totals[kind]);
  add("all", all);
  return table(rows);
}

std::string printed(const AxisValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  const double real = std::get<double>(value);
  return std::isnan(real) ? "none" : fmt::format("{}", real);
}

/// "0 (4), 0.5 (4), 1 (4)", in order of first appearance.
std::string values_of_axis(const Plan& plan, std::size_t axis) {
  std::vector<std::string> values;
  std::map<std::string, std::size_t> count;
  for (const Point& point : plan.points) {
    std::string value = printed(point.values.at(axis));
    if (++count[value] == 1) values.push_back(std::move(value));
  }
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool cut = values.size() > kShownValues && i >= kShownValues / 2 &&
                     i < values.size() - kShownValues / 2;
    if (!cut) shown.push_back(fmt::format("{} ({})", values[i], count[values[i]]));
    if (cut && i == kShownValues / 2)
      shown.push_back(fmt::format("... {} more", values.size() - kShownValues));
  }
  return fmt::format("{}", fmt::join(shown, ", "));
}

std::string point_table(const Plan& plan) {
  std::vector<Row> rows = {
      {"points", fmt::format("{} in all; value (points) by axis", plan.points.size())}};
  for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
    rows.push_back({plan.axes[axis].name, values_of_axis(plan, axis)});
  }
  return table(rows, /*left=*/true);
}

double dataset_bytes(const DatasetSpec& spec) {
  double elements = 1;
  for (const std::uint64_t length : spec.shape) elements *= static_cast<double>(length);
  return elements *
         static_cast<double>(spec.dtype == DType::text ? spec.text_length : size_of(spec.dtype));
}

std::string need_table(const Plan& plan, const std::vector<bool>& done) {
  const Stage* largest = nullptr;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    if (is_done(done, i)) continue;
    if (largest == nullptr || plan.stages[i].memory_bytes > largest->memory_bytes)
      largest = &plan.stages[i];
  }
  const double stage_bytes = largest == nullptr ? 0 : largest->memory_bytes;
  std::string of_stage;
  if (stage_bytes > 0)
    of_stage = fmt::format(", '{}' {}", largest->title, console::bytes(stage_bytes));
  std::string of_process;
  if (plan.process_bytes > 0)
    of_process = fmt::format(", libraries on a CPU {}", console::bytes(plan.process_bytes));
  std::map<File, double> bytes;
  std::map<File, std::int64_t> count;
  for (const DatasetSpec& spec : plan.datasets) {
    bytes[spec.file] += kHeaderBytes + dataset_bytes(spec);
    ++count[spec.file];
  }
  const auto file = [&](File which) {
    return fmt::format("{} in {}", console::bytes(bytes[which]),
                       console::counted(count[which], "dataset"));
  };
  std::vector<Row> rows = {
      {"memory a rank",
       fmt::format("{} (model {}{}{})",
                   console::bytes(plan.model_bytes + plan.process_bytes + stage_bytes),
                   console::bytes(plan.model_bytes), of_stage, of_process)},
      {"result file", file(File::results)}};
  rows.push_back({"weights file", count[File::weights] == 0 ? "none" : file(File::weights)});
  return table(rows, /*left=*/true);
}

std::string time_table(const Plan& plan, int ranks, const Pace& pace,
                       const std::vector<bool>& done) {
  const std::vector<double> paths = critical_path_seconds(plan, pace, done);
  const double longest = paths.empty() ? 0 : *std::max_element(paths.begin(), paths.end());
  double work = 0;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    if (!is_done(done, i)) work += pace.seconds(plan.stages[i]);
  }
  const double makespan = simulate_makespan(plan, ranks, pace, done);
  const double busy = makespan > 0 ? work / (makespan * ranks) : 1;
  return table({{"predicted time", fmt::format("{} on {} of {:.3g} FLOP/s, {:.0f}% busy",
                                               console::duration(makespan),
                                               console::counted(ranks, "rank"),
                                               pace.flop_per_second, 100 * busy)},
                {"longest chain", console::duration(longest) + ": more ranks cannot be faster"}},
               /*left=*/true);
}

}  // namespace

std::string describe(const Plan& plan, int ranks, const Pace& pace,
                     const std::vector<bool>& done) {
  require(ranks > 0 && pace.flop_per_second > 0, "describe: ranks and pace must be above 0");
  return stage_table(plan, pace, done) + "\n" + point_table(plan) + "\n" +
         need_table(plan, done) + time_table(plan, ranks, pace, done);
}

}  // namespace factsweep
