// EntityQuestions directories (princeton-nlp/EntityQuestions):
// {train,dev,test}/P17.train.json[.gz].
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "factsweep/data/question.hpp"

namespace factsweep {

/// Which train questions are dropped because their fact touches the test split. SliCK (appendix A
/// step 4) says "subject or object overlaps"; the totals of its table 3 tell what was done. With
/// the 12 ID relations, kept train questions differ from the paper's 81,700 by:
///   subject: the subject is the subject of a test question of any relation: +209 (+0.3%, 2.0%
///            dropped; each relation within 51 and never below the paper's, as tests of 5 unused
///            relations are not counted here);
///   entity:  the subject is the subject or an answer of any test question: -2,212 (4.9% dropped).
/// Definitions that look at the train question's own answer are further off (6.5% and more): common
/// answers such as city names are also test subjects. So `subject` is the paper's filter; `entity`
/// is the stricter reading.
enum class OverlapFilter { none, subject, entity };

/// What becomes of questions to which a relation's records, of whatever split, give different
/// answers ("Who founded Trinity College?"), and of records that say the same again in a split.
/// SliCK drops questions with several answers (appendix A step 3), but says nothing of those whose
/// answers stand in records of their own. The total of its table 3 is nearer to keeping them: with
/// `subject` above, +209 train questions of 81,700 where they are kept, -876 where they are
/// dropped.
///   keep: each record is a question, and its own answer alone is right;
///   drop: such a question goes from every split, and a record that says the same again goes, too;
///   merge: all answers of all records of a question are right, those of a record with several
///          among them, and it is asked once in each split that has it.
enum class RepeatedQuestions { keep, drop, merge };

/// Questions of each relation, train, dev, test, in file order. Every record of the relations is
/// here or is counted once, for the first of these reasons that holds.
struct EntityQuestions {
  std::vector<Question> questions;
  std::int64_t dropped_multi_answer = 0;  // the record has several answers; not of merge
  std::int64_t dropped_overlap = 0;
  std::int64_t dropped_ambiguous = 0;  // RepeatedQuestions::drop: other records answer otherwise
  std::int64_t dropped_equal = 0;      // RepeatedQuestions::drop: the split has it already
  std::int64_t merged = 0;             // RepeatedQuestions::merge: the same
};

/// Reads the given relations and all three splits. Records with more than one answer are dropped
/// from every split (appendix A step 3) where they are not merged; answers that differ in blanks at
/// their ends alone are one. Merged, Question::answer is the first of the question's first record
/// in its split, and the aliases are its other answers, of train, dev and test in file order.
/// `overlap` is applied to train, against every test question of the directory (also those with
/// several answers, and of relations that are not read), so what a relation keeps does not depend
/// on the others. Subjects come from relation_query_templates.json
/// ("Where was [X] born?") where it exists, else from the words that all questions of a relation
/// share at both ends. `directory`/exposures.json ({"P17": {"Painblanc": 12}}), if it is there,
/// fills Question::exposures. InputError: missing file, bad JSON (file and line), a record without
/// question/answers, an unknown relation (with the relations that the directory has).
EntityQuestions read_entity_questions(const std::filesystem::path& directory,
                                      const std::vector<std::string>& relations,
                                      OverlapFilter overlap,
                                      RepeatedQuestions repeated = RepeatedQuestions::keep);

/// The relations that `directory`/train holds, sorted.
std::vector<std::string> list_relations(const std::filesystem::path& directory);

}  // namespace factsweep
