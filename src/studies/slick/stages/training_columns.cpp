#include "training_columns.hpp"

#include <fmt/format.h>

#include <utility>

#include "../answer_kinds.hpp"
#include "factsweep/studies/support/training.hpp"

namespace factsweep::slick {
namespace {

/// `what` is the column's name in words, where /points has it.
CurveColumns columns_of(const std::string& name, const std::string& what,
                        const std::string& units = "fraction") {
  const auto at = [&](const char* when) {
    return column<double>(fmt::format("/points/{}_{}", name, when), {"point"}, units,
                          fmt::format("{}, {}", what, when));
  };
  return {column<double>("/curves/" + name, {"point", "epoch"}, units, name), at("early_stop"),
          at("final")};
}

}  // namespace

Curves<CurveColumns> curve_columns() {
  Curves<CurveColumns> curves;
  curves.loss = columns_of("loss", "", "nat");
  curves.accuracy_dev = columns_of("accuracy_dev", "dev accuracy");
  curves.right_dev = columns_of("right_dev", "dev questions answered right, of all");
  curves.fitted = columns_of("fitted", "");
  curves.fitted_known = columns_of("fitted_known", "");
  for (std::size_t c = 0; c < kCategories; ++c)
    curves.fitted_by[c] = columns_of(fmt::format("fitted_{}", kCategoryNames[c]), "");
  for (std::size_t s = 0; s < curves.test.size(); ++s) {
    const std::string set = kSets[s];
    curves.test[s].accuracy = columns_of("accuracy_" + set, set + " accuracy");
    curves.test[s].answered =
        columns_of("answered_" + set, set + " questions not answered \"I don't know\"");
    curves.test[s].right = columns_of("right_" + set, set + " questions answered right, of all");
    for (std::size_t c = 0; c < kCategories; ++c)
      curves.test[s].by_category[c] =
          columns_of(fmt::format("accuracy_{}_{}", set, kCategoryNames[c]),
                     fmt::format("{} accuracy on {}", set, kCategoryNames[c]));
  }
  return curves;
}

Column<std::int64_t> size_of_category(std::size_t category) {
  const std::string name = kCategoryNames[category];
  return column<std::int64_t>("/points/n_train_" + name, {"point"}, "examples",
                              name + " examples in D");
}

Column<std::int64_t> patch_size_of_category(std::size_t category) {
  const std::string name = kCategoryNames[category];
  return column<std::int64_t>("/points/n_patch_" + name, {"point"}, "examples",
                              name + " examples beside D; -1: the point has no patch");
}

std::vector<AnyColumn> patch_columns() {
  std::vector<AnyColumn> columns = {kPatchSize, kFittedPatch};
  for (std::size_t c = 0; c < kKnownCategories; ++c)
    columns.emplace_back(patch_size_of_category(c));
  return columns;
}

Column<std::uint8_t> outcomes_column(const std::string& when) {
  return column<std::uint8_t>("/predictions/correct_" + when, {"point", "question"}, "1",
                              "0 wrong, 1 right, 2 \"I don't know\"");
}

Column<std::string> answers_column(const std::string& when, std::int64_t bytes) {
  auto said = column<std::string>("/predictions/answer_" + when, {"point", "question"}, "",
                                  fmt::format("greedy answer, {}", when));
  said.text_length = static_cast<std::size_t>(bytes);
  return said;
}

Column<std::uint8_t> kinds_column(const std::string& when) {
  return column<std::uint8_t>("/predictions/kind_" + when, {"point", "question"}, "1",
                              kinds_in_words());
}

Column<float> f1_column(const std::string& when) {
  return column<float>("/predictions/f1_" + when, {"point", "question"}, "fraction",
                       "word F1 of the answer");
}

Column<double> mean_f1_column(const std::string& set, const std::string& when) {
  return column<double>(fmt::format("/points/f1_{}_{}", set, when), {"point"}, "fraction",
                        fmt::format("{} word F1, {}", set, when));
}

std::vector<AnyColumn> point_columns(const Deck& deck, const Abilities& abilities,
                                     std::int64_t answer_bytes) {
  std::vector<AnyColumn> columns = {kTrainSize, kBestEpoch, kLossRose, kMember};
  for (std::size_t c = 0; c < kCategories; ++c) columns.emplace_back(size_of_category(c));
  Curves<CurveColumns> curves = curve_columns();
  for (const CurveColumns* one : curves.all()) columns.emplace_back(one->curve);
  for (const CurveColumns* one : curves.evaluated()) {
    columns.emplace_back(one->early_stop);
    columns.emplace_back(one->final);
  }
  for (const char* when : kWhen) {
    columns.emplace_back(outcomes_column(when));
    for (AnyColumn& one : abilities.any_columns(fmt::format("_{}", when)))
      columns.push_back(std::move(one));
    if (answer_bytes > 0) columns.emplace_back(answers_column(when, answer_bytes));
    if (!deck.flag("errors.fine_tuned")) continue;
    columns.insert(columns.end(), {kinds_column(when), f1_column(when)});
    for (const char* set : kSets) columns.emplace_back(mean_f1_column(set, when));
  }
  return columns;
}

}  // namespace factsweep::slick
