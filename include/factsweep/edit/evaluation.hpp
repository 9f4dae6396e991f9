// What is asked of a model in which facts were edited: new and old answers to questions and
// rephrasings, and whether unrelated answers are still those of the model before.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "factsweep/data/edits.hpp"
#include "factsweep/edit/metrics.hpp"

namespace factsweep {

/// An evaluation that is under way: share done, tokens of the last pass. May throw.
using EvaluationStep = std::function<void(double, std::int64_t)>;
/// A question as the model is asked it.
using AskedPrompt = std::function<std::string(const std::string& question)>;

class EditEvaluation {
 public:
  /// Tokenises the records. `batch_tokens`: of one forward pass. `longest`: tokens that the model
  /// has places for; 0: any number. InputError names the record whose text is longer.
  EditEvaluation(const Tokenizer& tokenizer, std::span<const EditRecord> records,
                 const AskedPrompt& prompt, std::int64_t batch_tokens, std::int64_t longest = 0);

  /// A value for each record, NaN where there is nothing to ask, under "reliability", "generality",
  /// both with "_old", "portability" and "locality": shares of answer tokens. Of several answers to a question the best counts, of several questions the mean. With
  /// "_exact" after the name: 1 where the whole greedy answer is right, or every token of an
  /// unrelated one unchanged. `before`: predict_locality() of the model before.
  std::map<std::string, std::vector<double>> ask(const Model& model,
                                                 const ForcedPredictions& before,
                                                 const EvaluationStep& step) const;
  ForcedPredictions predict_locality(const Model& model, const EvaluationStep& step) const;

  /// The greedy answers to the questions of the first `count` records, up to a line break, without
  /// white space at their ends.
  std::vector<std::string> answers(const Model& model, std::size_t count,
                                   const EvaluationStep& step) const;

  /// Share of locality kept, and nothing else.
  double locality(const Model& model, const ForcedPredictions& before,
                  const EvaluationStep& step) const;

  /// [rows, width] tokens, -1 after the last of each, and back: as many rows as there are
  /// unrelated questions here, one for a record that has none.
  static std::vector<std::int32_t> padded(const ForcedPredictions& predictions, std::size_t width);
  ForcedPredictions unpadded(std::span<const std::int32_t> tokens, std::size_t width) const;

  /// Rows of padded() for these records.
  static std::size_t locality_rows(std::span<const EditRecord> records);

 private:
  /// The texts of one outcome. A record without questions has one that is empty.
  struct Asked {
    std::vector<ForcedText> texts;       // a text for each answer to each question
    std::vector<std::size_t> questions;  // how many a record has
    std::vector<std::size_t> answers;    // how many a question has

    /// From a value of each text to one of each record.
    std::vector<double> by_record(const std::vector<double>& values) const;
  };
  std::int64_t batch_tokens_ = 0;
  std::map<std::string, Asked> asked_;  // "reliability", "generality_old", ...
};

/// Mean of the values that are not NaN; NaN when there is none.
double mean(std::span<const double> values);

}  // namespace factsweep
