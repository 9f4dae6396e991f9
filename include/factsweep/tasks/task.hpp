// Labelled tasks that studies train on and evaluate: what is asked, what training teaches, and what
// counts as right.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/record_counts.hpp"

namespace factsweep {

/// How an answer is taken out of a generated text (tasks/answer.hpp) and compared.
enum class TaskKind : std::uint8_t {
  letter,  // the letter of an option: A, B, ...
  name,    // the name of an option, as the prompt lists them: "answer1", "true"
  number,  // a number, right within 0.001 of the gold one
  text,    // a line of text, compared after SQuAD's normalisation
  code,    // Python that must pass asserts
  latex,   // a formula, compared as MATH compares (arXiv 2103.03874)
  choice,  // the option whose text has the largest probability: nothing is generated
};
std::string_view name(TaskKind kind);

/// What a conversation's user said, and the reply.
struct ToldTurn {
  std::string question, reply;
};

struct TaskExample {
  std::string instruction, input;  // what a prompt template's {instruction} and {input} stand for
  std::string output;              // what training teaches
  std::string answer;     // the gold answer as extract_answer() gives answers: "B", "answer2", "72"
  std::string rationale;  // why, where the file says so
  std::vector<std::string> options;         // the options' texts, of multiple choice
  std::vector<std::string> names;           // [option] what `answer` would be, were it right
  std::vector<std::string> option_outputs;  // [option] what `output` would be, were it right
  std::string tests;                        // of code: Python to run after it
  std::string where;                        // file and line, or record, for messages
  /// Its place among the examples of its file, from 0; a bad record has a place, too.
  std::int64_t row = -1;
  /// Examples of one conversation have the same number, which no other has; -1: it stands alone.
  std::int64_t conversation = -1;
  std::vector<ToldTurn> told = {};  // of a conversation: what its prompt holds of earlier replies

  /// Index of the gold option; -1 where there are no options.
  std::int64_t gold() const;
};

struct TaskSet {
  std::string name;
  TaskKind kind = TaskKind::text;
  std::vector<TaskExample> examples;
  /// Records of the file that teach nothing (T0's empty completions), or have another number of
  /// options than was asked for.
  std::int64_t left_out = 0;
  RecordCounts bad = {};  // of the file: left out, as they cannot be read
  std::string form = {};  // of the file, "questions"
  std::string keys = {};  // that were read, and those that were not, as a message says them
};

/// Whether two examples ask the same: instruction and input.
std::string question_of(const TaskExample& example);

/// Examples that ask what an earlier one asks: those that say the same again, and those that are
/// asked with different outputs, all of them. `drop`: they are taken out of the set.
RecordCounts repeated_examples(TaskSet& set, bool drop);

/// Changes with the set's name and with any text of its examples.
std::string fingerprint(const TaskSet& set);

/// The examples of the given rows, in their order. InputError: a row that does not exist.
TaskSet pick(const TaskSet& set, std::span<const std::int64_t> rows);

/// Rows of `count` examples (0: all), ascending, chosen without replacement by a permutation keyed
/// by (seed, set.name). A smaller draw of the same seed is part of a larger one. InputError: fewer
/// than `count` examples.
std::vector<std::int64_t> draw_rows(const TaskSet& set, std::int64_t count, std::uint64_t seed);
/// The examples of these rows.
TaskSet draw(const TaskSet& set, std::int64_t count, std::uint64_t seed);

/// A file without splits of its own, parted: `test` examples held out by a permutation keyed by
/// (seed, set.name), the others to train on. The replies of a conversation stay together, so there
/// are fewer than `test` where no whole conversation fits any more. InputError: nothing would be
/// left to train on, or to test.
struct TaskSplit {
  TaskSet train, test;
};
TaskSplit hold_out(const TaskSet& set, std::int64_t test, std::uint64_t seed);

}  // namespace factsweep
