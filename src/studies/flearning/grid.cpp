#include "grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "factsweep/core/console.hpp"
#include "factsweep/studies/support/lists.hpp"
#include "factsweep/studies/support/models.hpp"

namespace factsweep::flearning {
namespace {

std::vector<std::size_t> record_counts(const Deck& deck, const EditCorpus& corpus) {
  std::vector<std::size_t> counts;
  for (const std::int64_t count : deck.integer_list("grid.records")) {
    if (static_cast<std::size_t>(count) > corpus.records.size())
      throw deck.error(
          "grid.records",
          fmt::format(
              ": {} has {}.", corpus.path.string(),
              console::counted(static_cast<std::int64_t>(corpus.records.size()), "usable record")));
    counts.push_back(static_cast<std::size_t>(count));
  }
  return counts.empty() ? std::vector{corpus.records.size()} : counts;
}

/// Rates of forgetting, and NaN for the search's; NaN alone of a method without.
std::vector<double> rates(const Deck& deck, const GridPoint& at) {
  std::vector<double> list;
  if (at.method->has_lambda())
    list = deck.real_list(at.method->forget == Tuning::full ? "grid.lambda" : "grid.lambda_lora");
  if (!at.method->has_lambda() || deck.real("search.locality") > 0) list.push_back(at.lambda);
  return list;
}

/// Those of the deck that have what they need of the records.
std::vector<const Method*> methods_of(const Deck& deck, const EditCorpus& corpus) {
  std::vector<const Method*> list;
  for (const std::string& name : deck.text_list("grid.method")) {
    if (corpus.fits(method(name))) list.push_back(&method(name));
  }
  if (list.empty())
    throw deck.error("grid.method",
                     fmt::format("has no method that {} has what it needs for: {}.",
                                 corpus.path.string(),
                                 corpus.has_old ? "no prompt holds its subject"
                                                : "no record has an old answer to forget"));
  return list;
}

}  // namespace

std::vector<GridPoint> grid_points(const Deck& deck, const std::vector<EditCorpus>& corpora) {
  using At = GridPoint;
  const auto one_of = [](const std::string& value) { return std::vector{value}; };
  std::vector<At> points;
  const std::vector<std::string> directories = model_directories(deck), names = model_names(deck);
  for (std::size_t i = 0; i < directories.size(); ++i) {
    At& at = points.emplace_back();
    at.model = directories[i];
    at.model_name = names[i];
  }
  points = cross(points, numbers(0, corpora.size()), &At::data_set);
  points = cross(
      points, [&](const At& at) { return record_counts(deck, corpora[at.data_set]); },
      &At::records);
  points = cross(
      points, [&](const At& at) { return methods_of(deck, corpora[at.data_set]); },
      &At::method);
  points = cross(
      points,
      [&](const At& at) {
        return at.method->has_lambda() ? deck.text_list("grid.layers") : one_of("");
      },
      &At::layers);
  points = cross(
      points, [&](const At& at) { return rates(deck, at); }, &At::lambda);
  points = cross(
      points,
      [&](const At& at) {
        return at.method->kind == Method::Kind::edit ? deck.text_list("edit.presets") : one_of("");
      },
      &At::preset);
  return cross(points, deck.integer_list("grid.seed"), &At::seed);
}

std::vector<AxisOf<GridPoint>> axes(const std::vector<EditCorpus>& corpora) {
  using At = GridPoint;
  const std::vector<std::string> names = names_of(corpora);
  return {{{"method", "", "how the new knowledge is brought in", ""},
           [](const At& at) { return at.method->name; },
           [](const At& at) { return at.method->name; }},
          {{"lambda", "1", "rate of forgetting; nan: none, or found by the search", "lambda"},
           &At::lambda,
           [](const At& at) {
             if (!at.method->has_lambda()) return std::string();
             return std::isnan(at.lambda) ? "-search" : fmt::format("-{}", at.lambda);
           }},
          {{"layers", "", "layers that forget", ""},
           &At::layers,
           [](const At& at) {
             return at.layers.empty() || at.layers == "all" ? "" : "-layers" + at.layers;
           }},
          {{"preset", "", "hyperparameters of an editor", ""},
           &At::preset,
           [](const At& at) { return at.preset.empty() ? "" : "-" + at.preset; }},
          {{"model", "", "model", ""}, &At::model_name, piece("", &At::model_name)},
          {{"data_set", "", "file of edits", ""},
           [names](const At& at) { return names[at.data_set]; },
           [names](const At& at) { return fmt::format("-{}", names[at.data_set]); }},
          {{"records", "records", "records edited at once", ""},
           [](const At& at) { return static_cast<std::int64_t>(at.records); },
           piece("n", &At::records)},
          {{"seed", "1", "seed", ""}, &At::seed, piece("s", &At::seed)}};
}

}  // namespace factsweep::flearning
