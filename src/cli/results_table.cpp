#include "results_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "factsweep/core/console.hpp"

namespace factsweep::cli {
namespace {

constexpr std::size_t kMostRows = 60;  // a longer sweep is for the report

std::string cell(const Store& store, const std::string& column, std::uint64_t point) {
  const Array value = store.read({File::results, "/points/" + column, {point}, {1}});
  if (value.dtype == DType::float64) {
    const double number = value.as<double>().front();
    return std::isnan(number) ? "-" : fmt::format("{:.4f}", number);
  }
  const std::int64_t number = value.as<std::int64_t>().front();
  return number < 0 ? "-" : fmt::format("{}", number);  // -1: never written
}

}  // namespace

std::string words_of_worse(const std::vector<std::string>& points) {
  constexpr std::size_t kShown = 10;
  return fmt::format(
      "warning: the training loss of {} of the finished points ended above where it began, or "
      "above that of guessing. Where it rose far, a smaller learning rate may do; where it hardly "
      "moved, nothing was learnt. {}{}",
      points.size(), fmt::join(std::span(points).first(std::min(points.size(), kShown)), ", "),
      points.size() > kShown ? ", ..." : "");
}

void print_results(const Plan& plan, const Store& store, const std::vector<std::string>& columns) {
  if (plan.points.empty()) return;
  std::size_t width = 5;
  for (const Point& point : plan.points) width = std::max(width, point.id.size());
  std::string header = fmt::format("{:<{}}", "point", width);
  for (const std::string& column : columns)
    header += fmt::format("  {:>{}}", column, column.size());
  console::info("{}", header);
  for (std::size_t p = 0; p < std::min(plan.points.size(), kMostRows); ++p) {
    std::string line = fmt::format("{:<{}}", plan.points[p].id, width);
    for (const std::string& column : columns)
      line += fmt::format("  {:>{}}", cell(store, column, p), column.size());
    console::info("{}", line);
  }
  if (plan.points.size() > kMostRows)
    console::info("... and {} more", plan.points.size() - kMostRows);
  const bool is_told =
      std::any_of(plan.datasets.begin(), plan.datasets.end(),
                  [](const DatasetSpec& one) { return one.path == "/points/loss_rose"; });
  std::vector<std::string> worse;
  if (is_told && !plan.points.empty()) {
    const Array read = store.read({File::results, "/points/loss_rose", {0}, {plan.points.size()}});
    const auto rose = read.as<std::uint8_t>();
    for (std::size_t p = 0; p < rose.size(); ++p)
      if (rose[p] == 1) worse.push_back(plan.points[p].id);
  }
  if (!worse.empty()) console::info("{}", words_of_worse(worse));
}

}  // namespace factsweep::cli
