#include "ability.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "factsweep/tasks/evaluation.hpp"
#include "factsweep/tasks/read_tasks.hpp"

namespace factsweep::flearning {
namespace {

std::string column(const TaskSet& task) {
  return "ability_" + task.name;
}

bool has_options(const TaskSet& task) {
  return !task.examples.front().options.empty();
}

}  // namespace

std::vector<TaskSet> read_abilities(const Deck& deck) {
  std::vector<TaskSet> tasks;
  std::set<std::string> names;
  for (const std::string& file : deck.path_list("ability.tasks")) {
    const std::string name = std::filesystem::path(file).filename().string();
    const std::size_t colon = std::min(name.rfind(':'), name.size());
    ReadTasksSettings settings;
    if (colon < name.size()) settings.part = name.substr(colon + 1);
    const TaskSet whole =
        read_task_set(file.substr(0, file.size() - name.size() + colon), settings);
    if (whole.kind == TaskKind::code)
      throw deck.error("ability.tasks",
                       fmt::format("'{}' needs code to be run, which this study does not.", file));
    if (!names.insert(whole.name).second)
      throw deck.error("ability.tasks", fmt::format("holds two tasks '{}'. Rename a file: the name "
                                                    "becomes a column of /points.",
                                                    whole.name));
    tasks.push_back(draw(whole, deck.integer("ability.examples"),
                         static_cast<std::uint64_t>(deck.integer("data.seed"))));
  }
  return tasks;
}

std::vector<std::string> ability_columns(const std::vector<TaskSet>& tasks) {
  std::vector<std::string> columns;
  for (const TaskSet& task : tasks) {
    columns.push_back(column(task));
    if (has_options(task)) columns.push_back(column(task) + "_likelihood");
  }
  return columns;
}

std::map<std::string, double> ask_abilities(const Deck& deck, const Model& model,
                                            const std::vector<TaskSet>& tasks,
                                            const EvaluationStep& step) {
  std::map<std::string, double> accuracy;
  for (const TaskSet& task : tasks) {
    EvaluationSettings settings;
    settings.likelihood = has_options(task);
    settings.batch_tokens = deck.integer("flearning.batch_tokens");
    const TaskScore score = evaluate(model, task, settings, step);
    const auto examples = static_cast<double>(score.examples);
    accuracy[column(task)] = static_cast<double>(score.right) / examples;
    if (settings.likelihood)
      accuracy[column(task) + "_likelihood"] = static_cast<double>(score.right_by_mean) / examples;
  }
  return accuracy;
}

}  // namespace factsweep::flearning
