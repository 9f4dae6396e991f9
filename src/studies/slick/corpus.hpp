// The questions of one SliCK run: what is labelled, in the row order of /labels/base, and what
// early stopping looks at.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "factsweep/data/question.hpp"
#include "factsweep/deck/deck.hpp"

namespace factsweep::slick {

/// Consecutive rows of one relation and split: what one label stage works on.
struct Chunk {
  std::string relation;
  Split split = Split::train;
  bool ood = false;
  std::size_t first = 0, count = 0;
};

struct Corpus {
  /// Those of D and of the tests; those of patches that have nothing to do with D.
  std::vector<std::string> relations, ood_relations, other_relations;
  std::vector<Question> rows;  // ID train, other train, ID test, OOD test
  std::size_t train_rows = 0,
              id_rows =
                  0;  // rows [0, train_rows) train, [train_rows, id_rows) ID test, then OOD test
  std::map<std::string, std::vector<Question>> dev;  // by relation, whole: exemplars come from it
  std::vector<Question> dev_probe;                   // ID dev questions that decide EARLY_STOP
  std::vector<Chunk> chunks;
  std::map<std::string, std::int64_t> left_out;  // why -> records of the relations' files
  std::map<std::string, std::int64_t> not_drawn;  // why -> usable questions
  std::vector<std::string>
      remarks;  // what a table lacks and what stands for it; facts not counted; unspellable answers

  std::string exposures_fingerprint;  // of what data.exposures says of rows; empty: it names none

  /// What the reader of the deck should know of the data: records left out, and questions whose
  /// records differ.
  std::vector<std::string> notes(const Deck& deck) const;

  /// Reads data.* and picks label.questions_per_relation etc. of each relation (by label.seed).
  /// InputError.
  static Corpus read(const Deck& deck);
};

}  // namespace factsweep::slick
