// What the study asks of a model: new and old answers to questions and rephrasings, and whether
// unrelated answers are still the original model's (section 3).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/edit/metrics.hpp"

namespace factsweep::flearning {

/// An evaluation that is under way: share done, tokens of the last pass. May throw.
using EvaluationStep = std::function<void(double, std::int64_t)>;

class Evaluation {
 public:
  /// Tokenises the first `count` records.
  Evaluation(const Deck& deck, const Model& model, std::span<const EditRecord> records);

  /// By outcome_names(), a value for each record, NaN where there is nothing to ask. `before`: the
  /// original model's predict_locality().
  std::map<std::string, std::vector<double>> ask(const Model& model,
                                                 const ForcedPredictions& before,
                                                 const EvaluationStep& step) const;
  ForcedPredictions predict_locality(const Model& model, const EvaluationStep& step) const;

  /// Share of locality kept, and nothing else: what the search for lambda asks.
  double locality(const Model& model, const ForcedPredictions& before,
                  const EvaluationStep& step) const;

  /// [records, width] tokens, -1 behind the last of each, and back: as many rows as there are
  /// records here.
  static std::vector<std::int32_t> padded(const ForcedPredictions& predictions, std::size_t width);
  ForcedPredictions unpadded(std::span<const std::int32_t> tokens, std::size_t width) const;

 private:
  std::int64_t batch_tokens_ = 0;
  std::map<std::string, std::vector<ForcedText>> texts_;  // "reliability", "generality_old", ...
};

/// Mean of the values that are not NaN; NaN when there is none.
double mean(std::span<const double> values);

}  // namespace factsweep::flearning
