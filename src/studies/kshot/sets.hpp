// What a study is made of, as one JSON file names it (data.sets): tasks with their train and test
// examples, pools of open data, and the bank of adapters (docs/kshot.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "adapters.hpp"
#include "factsweep/core/json_node.hpp"
#include "factsweep/deck/deck.hpp"
#include "factsweep/studies/support/counts.hpp"
#include "factsweep/tasks/task.hpp"

namespace factsweep::kshot {

/// Where the reasons behind a task's answers come from (equation 3).
enum class Rationales { file, data, own_output, answer_only };
std::string name(Rationales rationales);

struct TaskEntry {
  std::string name;
  TaskSet train, test;  // test cut to eval.test_examples
  bool chosen = false;  // train is the shots that a user chose, in their order
  TaskSet known = {};   // then what an own expert learns; empty: the shots
  std::optional<std::size_t> pool;
  std::vector<TaskExample> worked;  // in front of every question
  Rationales rationales = Rationales::answer_only;
  std::map<std::int64_t, std::string> expanded;  // of a file: by record of the train file

  bool has_options() const { return !test.examples.front().options.empty(); }
  /// y with its reasons, of an example of `train`. InputError: the rationale file has none for it.
  std::string reasoned(std::int64_t example) const;
  /// The same, and y alone where it has no reasons.
  std::string with_reasons(const TaskExample& shot) const;
};

struct Pool {
  std::string name;
  TaskSet set;
  std::int64_t repeated = 0;  // left out: the same example again, or what a shot asks
  std::int64_t tested = 0;    // left out: asks what a test example asks
};

/// A data set that an adapter is trained on, or an adapter that a user brings, with what it has
/// learnt where a gate is to learn that too.
struct BankEntry {
  std::string name;
  std::optional<std::size_t> task;  // whose own expert it is
  TaskSet set;                      // empty: brought, and nobody asks what it has learnt
  std::int64_t tested = 0;          // left out: asks what a test example asks
  std::string adapter;              // PEFT directory of one that was brought
  AdapterForm form = {};            // of what it is or will be: see Sets::read_forms()

  bool is_brought() const { return !adapter.empty(); }
  /// Whether mixtures, sums and trainings may begin with it; one that saves whole modules is asked as it
  /// is, and no more.
  bool can_be_mixed() const { return form.config.saved.empty(); }
  /// Of the files of one that was brought.
  std::string fingerprint() const;
};

/// How a file of examples was read.
struct ReadFile {
  std::string file, form;  // as data.sets names it
  std::string keys;        // that were read, and those that were not
};

/// What "columns" calls each key of a form, in NFC as the files' keys are. InputError.
std::map<std::string, std::string> named_columns(const JsonNode& node);

struct Shots;

struct Sets {
  std::vector<TaskEntry> tasks;  // of grid.task
  std::vector<Pool> pools;
  std::vector<BankEntry> bank;
  AdapterForm form;                // holds any that can be mixed: common_form() of them
  std::vector<SourceCounts> said;  // of the files' records
  std::vector<ReadFile> files;     // each form of a file once
  std::set<std::string> notes;     // for a plan

  /// Reads data.sets and every file that it names, relative to data.folder. InputError naming file
  /// and place.
  static Sets read(const Deck& deck);
  /// Leaves out and counts examples that are longer than a model with learned positions can read, and
  /// counts those that are longer than another one was trained with. InputError: a set has no other.
  void look_at_lengths(const Deck& deck);
  /// Adds to `said`, once of a file that is read several times.
  void say(const std::string& source, const std::string& fate, const RecordCounts& counts);
  /// Adds to `files`.
  void remember(ReadFile read);
  /// Leaves out and counts what a pool has of the shots that are learnt beside it: they would be
  /// learnt twice. InputError: nothing is left of a pool.
  void keep_shots_out_of_pool(std::size_t pool, const std::vector<Shots>& shots);
  /// What the bank's adapters hold. InputError: one of a user that does not fit the model.
  void read_forms(const Deck& deck, const ModelConfig& model);
  /// The bank's adapter that is the task's own expert.
  std::optional<std::size_t> expert_of(std::size_t task) const;
  /// How many adapters of the bank can be mixed.
  std::int64_t mixable() const;
  /// Whether a task is answered with programs.
  bool has_programs() const;

  // By name, as stages know them: a sweep that another task or adapter joins keeps its stages.
  const TaskEntry& task(const std::string& name) const;
  const Pool& pool(const std::string& name) const;
  const BankEntry& adapter(const std::string& name) const;
};

/// K examples of a task's train set that a draw chose, as stages know them. Few shots of a draw are
/// part of many.
struct Shots {
  std::string task;
  std::int64_t draw = -1, count = -1;

  static void fields(auto& self, auto&& field) {
    field("task", self.task);
    field("draw", self.draw);
    field("shots", self.count);
  }
  /// Of what is drawn for them, beside the shots themselves.
  std::uint64_t key(const char* what, std::uint64_t seed) const;
  /// Examples of the task's train set, ascending; of chosen ones the first.
  std::vector<std::int64_t> rows(const Sets& sets) const;
  /// Records of its file.
  std::vector<std::int64_t> records(const Sets& sets) const;
  TaskSet read(const Sets& sets) const;
  /// What is taught of each: its output, with its reasons where `reasons`. InputError: see
  /// TaskEntry::reasoned().
  std::vector<std::string> outputs(const Sets& sets, bool reasons) const;
  /// Their places among `more` shots of the draw.
  std::vector<std::int64_t> among(std::int64_t more, const Sets& sets) const;
};

}  // namespace factsweep::kshot
