// EntityQuestions directories (princeton-nlp/EntityQuestions): {train,dev,test}/P17.train.json[.gz].
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "factsweep/data/question.hpp"

namespace factsweep {

/// Which train questions are dropped because their fact touches the test split (SliCK, appendix A step 4).
enum class OverlapFilter { none, subject, entity };

struct EntityQuestions {
  std::vector<Question> questions;      // train, dev, test of each relation, in file order
  std::int64_t dropped_multi_answer = 0;
  std::int64_t dropped_overlap = 0;
};

/// Reads the given relations and all three splits. Questions with more than one answer are dropped from every split
/// (appendix A step 3); `overlap` is applied to train against the test splits of all `relations`.
/// Subjects come from relation_query_templates.json ("Where was [X] born?") where it exists, else from the words
/// that all questions of a relation share at both ends.
/// InputError: missing file, bad JSON (file and line), a record without question/answers, an unknown relation
/// (with the relations that the directory has).
EntityQuestions read_entity_questions(const std::filesystem::path& directory,
                                      const std::vector<std::string>& relations, OverlapFilter overlap);

/// The relations that `directory`/train holds, sorted.
std::vector<std::string> list_relations(const std::filesystem::path& directory);

}  // namespace factsweep
