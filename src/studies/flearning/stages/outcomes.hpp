// What a point says of the model that its leaf stage ends with: of the records, and, to see whether
// editing harms what else it can do (table 5), of what has nothing to do with them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "factsweep/edit/evaluation.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

inline const auto kRecords =
    column<std::int64_t>("/points/n_records", {"point"}, "records", "records edited and asked");
inline const auto kEditSeconds = timed(column<double>(
    "/points/edit_seconds", {"point"}, "s",
    "wall time of all edits: trainings and editing, without the original model's training and "
    "without evaluation"));

/// flearning.cases: of how many records a point tells what its model answers (table 4).
std::size_t case_count(const Deck& deck);

/// What every point has a row of, beside abilities. `portability`: where some record of its data
/// set has any.
std::vector<AnyColumn> evaluation_columns(const Deck& deck, bool portability);
/// What evaluations read of the deck, and what a point's row needs beside that.
std::vector<std::string> evaluation_keys();
inline constexpr const char* kCasesKey = "flearning.cases";

EditEvaluation evaluation_of(std::span<const EditRecord> records, const Model& model,
                             const Deck& deck);
/// What the original model predicts of those records of the stage that are asked, of which the
/// first is `first`.
ForcedPredictions original_locality(StageRun& run, const Worker& worker, const Ground& ground,
                                    const EditEvaluation& asked, std::size_t first = 0);
/// By names, as EditEvaluation::ask() gives them. `portability`: as of evaluation_columns().
void emit_outcomes(StageRun& run, const std::map<std::string, std::vector<double>>& outcomes,
                   bool portability);
/// The answers to the first records, as EditEvaluation::answers() gives them.
void emit_cases(StageRun& run, std::vector<std::string> answers);

/// Asks the model all of it, and fills the point's row but for kEditSeconds. `asked`: the stage's
/// records, or the first of them.
void evaluate(StageRun& run, const Worker& worker, const Ground& ground,
              std::span<const EditRecord> asked, const Model& model);

}  // namespace factsweep::flearning
