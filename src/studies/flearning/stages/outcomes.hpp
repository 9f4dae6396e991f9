// What a point says of the model that its leaf stage ends with: of the records, and, to see whether
// editing harms what else it can do (table 5), of labelled tasks that have nothing to do with them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "factsweep/edit/evaluation.hpp"
#include "ground.hpp"

namespace factsweep::flearning {

/// ability.tasks, cut to ability.examples of each chosen by data.seed. InputError: also a task that
/// needs code to be run, and two of one name.
std::vector<TaskSet> read_abilities(const Deck& deck);
/// A hash of all that the tasks ask.
std::string questions_hash(const std::vector<TaskSet>& tasks);

inline const auto kRecords =
    column<std::int64_t>("/points/n_records", {"point"}, "records", "records edited and asked");
inline const auto kEditSeconds = timed(column<double>(
    "/points/edit_seconds", {"point"}, "s",
    "wall time of all edits: trainings and editing, without the original model's training and "
    "without evaluation"));

/// What every point has a row of. Of a task of multiple choice two columns: what is generated, and
/// which option is the most likely.
std::vector<AnyColumn> evaluation_columns(const std::vector<TaskSet>& abilities);
/// What evaluations read of the deck.
std::vector<std::string> evaluation_keys();

EditEvaluation evaluation_of(std::span<const EditRecord> records, const Model& model,
                             const Deck& deck);
/// What the original model predicts of those records of the stage from `first` on that are asked.
ForcedPredictions original_locality(StageRun& run, const Ground& ground,
                                    const EditEvaluation& asked, std::size_t first = 0);
/// By names, as EditEvaluation::ask() gives them.
void emit_outcomes(StageRun& run, const std::map<std::string, std::vector<double>>& outcomes);
void emit_abilities(StageRun& run, const std::vector<TaskSet>& tasks, const Model& model);

/// Asks the model all of it, and fills the point's row but for kEditSeconds. `asked`: the stage's
/// records, or the first of them.
void evaluate(StageRun& run, const Worker& worker, const Ground& ground,
              std::span<const EditRecord> asked, const Model& model);

}  // namespace factsweep::flearning
