// Which records of a relation become questions, and what is right there: the same rules for every
// source. Private to the data module.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "factsweep/data/entity_questions.hpp"

namespace factsweep {

struct SourceRecord {
  std::string question;
  std::vector<std::string> answers;  // at least one, none empty, no two alike but for their ends
  std::string subject;
  std::int32_t exposures = -1;
};

/// Of one relation, in the source's order.
using RecordsOfSplit = std::map<Split, std::vector<SourceRecord>>;

/// The entities of all test questions of a source.
struct TestEntities {
  std::unordered_set<std::string> subjects, answers;

  void add(const std::vector<SourceRecord>& test);
};

/// Adds a relation's questions, train, dev, test, and counts every record that is none.
void select_questions(const std::string& relation, const RecordsOfSplit& records,
                      const TestEntities& test, OverlapFilter overlap, RepeatedQuestions repeated,
                      EntityQuestions& result);

}  // namespace factsweep
