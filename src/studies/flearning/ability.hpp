// What else the model can do, and whether editing harms it (table 5): labelled tasks that have
// nothing to do with the edits.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "evaluation.hpp"
#include "factsweep/tasks/task.hpp"

namespace factsweep::flearning {

/// ability.tasks, cut to ability.examples of each chosen by data.seed. InputError: also a task that
/// needs code to be run, and two of one name.
std::vector<TaskSet> read_abilities(const Deck& deck);

/// Columns of /points: "ability_gsm8k", and "ability_arc_likelihood" of multiple choice, where the
/// most likely option counts instead of what is generated.
std::vector<std::string> ability_columns(const std::vector<TaskSet>& tasks);

/// Accuracy by column.
std::map<std::string, double> ask_abilities(const Deck& deck, const Model& model,
                                            const std::vector<TaskSet>& tasks,
                                            const EvaluationStep& step);

}  // namespace factsweep::flearning
