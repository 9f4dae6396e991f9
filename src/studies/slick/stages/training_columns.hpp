// What a training fills: what the model is asked after every epoch, as one list of curves with
// whatever hangs on each, and the rest of a point's row.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/label/labelling.hpp"
#include "factsweep/stage/column.hpp"
#include "factsweep/studies/support/abilities.hpp"

namespace factsweep::slick {

/// What is measured on the test questions, in or out of distribution.
template <typename T>
struct TestCurves {
  T accuracy, answered, right;
  std::array<T, kCategories> by_category;
};

template <typename T>
struct Curves {
  T loss, accuracy_dev, right_dev, fitted, fitted_known;
  std::array<T, kCategories> fitted_by;
  std::array<TestCurves<T>, 2> test;  // ID, OOD

  /// In the order in which a checkpoint has them.
  std::vector<T*> all() {
    std::vector<T*> list = {&loss, &accuracy_dev, &fitted, &fitted_known};
    for (T& one : fitted_by) list.push_back(&one);
    for (T* one : evaluated()) {
      if (one != &accuracy_dev) list.push_back(one);
    }
    return list;
  }
  /// Those that /points has at the best epoch and at the last one.
  std::vector<T*> evaluated() {
    std::vector<T*> list = {&accuracy_dev, &right_dev};
    for (TestCurves<T>& set : test) {
      list.insert(list.end(), {&set.accuracy, &set.answered, &set.right});
      for (T& one : set.by_category) list.push_back(&one);
    }
    return list;
  }
};

/// A curve, and its values at the best epoch and at the last one.
struct CurveColumns {
  Column<double> curve, early_stop, final;
};

Curves<CurveColumns> curve_columns();

inline const auto kTrainSize =
    column<std::int64_t>("/points/n_train", {"point"}, "examples", "|D|");
inline const auto kBestEpoch =
    column<std::int64_t>("/points/epoch_early_stop", {"point"}, "epochs",
                         "best epoch of the dev questions, by slick.early_stop");
inline const auto kMember = column<std::uint8_t>("/variants/member", {"point", "question"}, "1",
                                                 "1 when the question is in D");
Column<std::int64_t> size_of_category(std::size_t category);

// Of points with a patch.
inline constexpr std::size_t kKnownCategories = kCategories - 1;  // all but the last, Unknown
inline const auto kPatchSize =
    column<std::int64_t>("/points/n_patch", {"point"}, "examples",
                         "Known examples beside D; -1: the point has no patch");
Column<std::int64_t> patch_size_of_category(std::size_t category);
inline const auto kFittedPatch = column<double>("/curves/fitted_patch", {"point", "epoch"},
                                                "fraction", "fitted_patch");
std::vector<AnyColumn> patch_columns();

inline constexpr std::array<const char*, 2> kWhen = {"early_stop", "final"},
                                            kSets = {"test", "ood"};
/// `when`: of kWhen.
Column<std::uint8_t> outcomes_column(const std::string& when);
/// Where answers are kept (store.answers).
Column<std::string> answers_column(const std::string& when, std::int64_t bytes);

// Where wrong test answers are looked at (errors.fine_tuned). `set`: of kSets.
Column<std::uint8_t> kinds_column(const std::string& when);
Column<float> f1_column(const std::string& when);
Column<double> mean_f1_column(const std::string& set, const std::string& when);

/// Every column with a row for each point.
std::vector<AnyColumn> point_columns(const Deck& deck, const Abilities& abilities,
                                     std::int64_t answer_bytes);

}  // namespace factsweep::slick
