// What a study is made of, as one JSON file names it (data.sets): tasks with their train and test
// examples, pools of open data, and the bank of adapters (docs/kshot.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/deck/deck.hpp"
#include "factsweep/tasks/task.hpp"

namespace factsweep::kshot {

/// Where the reasons behind a task's answers come from (equation 3).
enum class Rationales { file, data, own_output, answer_only };
std::string name(Rationales rationales);

struct TaskEntry {
  std::string name;
  TaskSet train, test;                              // test cut to eval.test_examples
  std::vector<std::int64_t> train_rows, test_rows;  // [example] record of its file, from 0
  std::optional<std::size_t> pool;
  std::vector<TaskExample> worked;  // in front of every question
  Rationales rationales = Rationales::answer_only;
  std::map<std::int64_t, std::string> expanded;  // of a file: by record of the train file

  bool has_options() const { return !test.examples.front().options.empty(); }
  /// y with its reasons, of an example of `train`. InputError: the rationale file has none for it.
  std::string reasoned(std::int64_t example) const;
};

struct Pool {
  std::string name;
  TaskSet set;
  std::int64_t repeated = 0;  // left out: the same example again
  std::int64_t tested = 0;    // left out: asks what a test example asks
};

/// A data set that an adapter is trained on, or an adapter that a user brings.
struct BankEntry {
  std::string name;
  std::optional<std::size_t> task;  // whose own expert it is
  TaskSet set;                      // empty: brought
  std::int64_t tested = 0;          // left out: asks what a test example asks
  std::string adapter;              // PEFT directory of one that was brought

  bool is_brought() const { return !adapter.empty(); }
};

struct Sets {
  std::vector<TaskEntry> tasks;  // of grid.task
  std::vector<Pool> pools;
  std::vector<BankEntry> bank;

  /// Reads data.sets and every file that it names, relative to data.folder. InputError naming file
  /// and place.
  static Sets read(const Deck& deck);
  /// The bank's adapter that is the task's own expert.
  std::optional<std::size_t> expert_of(std::size_t task) const;

  // By name, as stages know them: a sweep that another task or adapter joins keeps its stages.
  const TaskEntry& task(const std::string& name) const;
  const Pool& pool(const std::string& name) const;
  std::size_t adapter(const std::string& name) const;
};

/// Changes with any text of the examples.
std::string fingerprint(const TaskSet& set);

}  // namespace factsweep::kshot
