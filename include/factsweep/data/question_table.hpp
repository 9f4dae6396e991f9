// Questions of one's own: a table with a row a question.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "factsweep/data/entity_questions.hpp"

namespace factsweep {

/// Names of columns, and what stands for those that are not there.
struct TableForm {
  std::string question = "question";
  std::string answers = "answer";     // a text, a JSON list of texts, or see `separator`
  std::string subject = "subject";    // absent: what the relation's questions do not share
  std::string relation = "relation";  // absent: one relation, "all"
  std::string split = "split";        // train, dev (validation, valid, val), test; absent: drawn
  std::string separator = {};         // between several answers in a text; empty: it is one answer
  std::array<double, 3> shares = {0.8, 0.1, 0.1};  // of train, dev and test, where they are drawn
  std::uint64_t seed = 0;                          // of the draw
};

class QuestionTable {
 public:
  /// Whether a path names a table: it ends in .csv, .tsv, .json or .jsonl, or .gz after these.
  static bool is_table(const std::filesystem::path& path);

  /// CSV and TSV with a row of names (csv.hpp), a JSON list of objects, or an object a line. Texts
  /// without white space at their ends. Splits are drawn by question, relation by relation, so that
  /// rows of one question are in one. InputError with file and line (of a JSON list: the record's
  /// number): no such column (with those that are there), one that is there twice, a row of another
  /// width, text that is no UTF-8, an empty question, answer or relation, an answer with a line
  /// break, a split of another name, no row.
  QuestionTable(const std::filesystem::path& path, const TableForm& form);

  /// Sorted.
  std::vector<std::string> relations() const;
  /// As read_entity_questions(). InputError: a relation that is unknown, or asked for twice.
  EntityQuestions questions(const std::vector<std::string>& relations, OverlapFilter overlap,
                            RepeatedQuestions repeated) const;
  /// What was not in the table and how it was made up for.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::string path_;
  std::map<std::string, std::map<Split, std::vector<Question>>> rows_;  // all answers of a row
  std::vector<std::string> notes_;
};

}  // namespace factsweep
