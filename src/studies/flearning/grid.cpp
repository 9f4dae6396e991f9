#include "grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace factsweep::flearning {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<Forgetting> forgettings(const Deck& deck, const Method& method) {
  std::vector<Forgetting> list;
  for (const std::string& layers : deck.text_list("grid.layers")) {
    const char* key = method.forget == Tuning::full ? "grid.lambda" : "grid.lambda_lora";
    for (const double lambda : deck.real_list(key)) list.push_back({lambda, layers});
    if (deck.real("search.locality") > 0) list.push_back({kNone, layers});
  }
  return list;
}

std::vector<std::size_t> record_counts(const Deck& deck, const EditCorpus& corpus) {
  std::vector<std::size_t> counts;
  for (const std::int64_t count : deck.integer_list("grid.records")) {
    if (static_cast<std::size_t>(count) > corpus.records.size())
      throw deck.error("grid.records", fmt::format("{} has {} usable records.",
                                                   corpus.path.string(), corpus.records.size()));
    counts.push_back(static_cast<std::size_t>(count));
  }
  return counts.empty() ? std::vector{corpus.records.size()} : counts;
}

}  // namespace

std::string last_name(const std::string& directory) {
  const std::filesystem::path path(directory);
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

LayerRange LayerRange::parse(const std::string& text, std::int64_t layers,
                             const std::string& where) {
  LayerRange range;
  if (text == "all") return range;
  range.all = false;
  const std::size_t dash = text.find('-');
  const std::string first = text.substr(0, dash),
                    last = dash == std::string::npos ? first : text.substr(dash + 1);
  const auto read = [&](const std::string& part, std::int64_t& value) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size();
  };
  if (!read(first, range.first) || !read(last, range.last) || range.first > range.last ||
      range.last >= layers)
    throw InputError(
        fmt::format("{} '{}' is no range of the model's layers 0-{}. Write 0-9, 4 or all.", where,
                    text, layers - 1));
  return range;
}

std::vector<std::string> model_directories(const Deck& deck) {
  const std::vector<std::string> swept = deck.path_list("grid.model");
  return swept.empty() ? std::vector{deck.text("model.path")} : swept;
}

std::vector<GridPoint> grid_points(const Deck& deck, const std::vector<EditCorpus>& corpora) {
  std::vector<GridPoint> points;
  for (const std::string& model : model_directories(deck)) {
    for (std::size_t data_set = 0; data_set < corpora.size(); ++data_set) {
      for (const std::size_t records : record_counts(deck, corpora[data_set])) {
        for (const std::string& name : deck.text_list("grid.method")) {
          GridPoint at{model, data_set, records, &method(name), {kNone, ""}, "", 0};
          std::vector<GridPoint> variants;
          if (at.method->has_lambda()) {
            for (const Forgetting& forgetting : forgettings(deck, *at.method)) {
              variants.push_back(at);
              variants.back().forgetting = forgetting;
            }
          } else if (at.method->kind == Method::Kind::edit) {
            for (const std::string& preset : deck.text_list("edit.presets")) {
              variants.push_back(at);
              variants.back().preset = preset;
            }
          } else {
            variants.push_back(at);
          }
          for (GridPoint& variant : variants) {
            for (const std::int64_t seed : deck.integer_list("grid.seed")) {
              variant.seed = seed;
              points.push_back(variant);
            }
          }
        }
      }
    }
  }
  return points;
}

std::vector<Axis> axes() {
  return {{"method", "", "how the new knowledge is brought in", ""},
          {"lambda", "1", "rate of forgetting; nan: none, or found by the search", "lambda"},
          {"layers", "", "layers that forget", ""},
          {"preset", "", "hyperparameters of an editor", ""},
          {"model", "", "model", ""},
          {"data_set", "", "file of edits", ""},
          {"records", "records", "records edited at once", ""},
          {"seed", "1", "seed", ""}};
}

Point make_point(const GridPoint& at, const std::vector<EditCorpus>& corpora) {
  const std::string& data_set = corpora[at.data_set].name;
  Point point;
  point.id = at.method->name;
  if (at.method->has_lambda())
    point.id +=
        std::isnan(at.forgetting.lambda) ? "-search" : fmt::format("-{}", at.forgetting.lambda);
  if (at.method->has_lambda() && at.forgetting.layers != "all")
    point.id += "-layers" + at.forgetting.layers;
  if (!at.preset.empty()) point.id += "-" + at.preset;
  point.id += fmt::format("-{}-{}-n{}-s{}", last_name(at.model), data_set, at.records, at.seed);
  point.values = {at.method->name,
                  at.forgetting.lambda,
                  at.forgetting.layers,
                  at.preset,
                  last_name(at.model),
                  data_set,
                  static_cast<std::int64_t>(at.records),
                  at.seed};
  return point;
}

}  // namespace factsweep::flearning
