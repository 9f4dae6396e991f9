// Records of knowledge-editing benchmarks: a question, its old and its new answer, a rephrasing,
// and an unrelated prompt whose answer must not change.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace factsweep {

/// Texts without white space at their ends (trim.hpp). The four of the first line are not empty,
/// and the answers differ.
struct EditRecord {
  std::int64_t row = 0;  // of the file, from 0; of JSON lines without the empty ones
  std::string subject, prompt, target_old, target_new;
  std::string rephrase;                          // asks the same as prompt; empty: none
  std::string locality_prompt, locality_answer;  // both empty: none
};

struct EditFile {
  std::string form;  // "counterfact", "zsre", "knowedit"
  std::vector<EditRecord> records;
  std::map<std::string, std::int64_t> left_out;      // why -> how many records
  std::map<std::string, std::int64_t> not_measured;  // what is missing -> how many kept records
  std::map<std::string, std::int64_t> not_used;  // what is there and not read -> the same
};

/// JSON array or JSON lines, .gz read transparently; the first record's keys tell the form:
///
///               subject          prompt       old           new
///   counterfact subject          prompt       ground_truth  target_new
///   zsre        subject          src          pred          alt
///   knowedit    subject, concept prompt, text ground_truth  target_new, labels
///
/// In a prompt and its rephrasing {} is the subject. In all forms the rephrasing is rephrase_prompt
/// or rephrase, and an unrelated question with its answer is locality_prompt and
/// locality_ground_truth (CounterFact in EasyEdit's form), loc and loc_ans or loc-ans (ZsRE in
/// MEND's; the prompt keeps its "nq question: "), or an entry of locality.KIND, which is
/// {"prompt", "ground_truth"}, a list of such, or has lists of as many prompts as answers: of
/// Relation_Specificity before Forgetfulness (KnowEdit), neighborhood (EasyEdit) and others. For
/// ZsRE the old answer is `pred`, not `answers` (F-Learning, arXiv 2311.08011, appendix A.1).
///
/// Of several answers (spellings), rephrasings and unrelated questions the first that is not blank
/// counts. What a record has beyond that is counted in `not_used`, and so is portability.
///
/// Left out and counted: no new answer, no old answer, equal answers. InputError with file, record
/// and key (of JSON lines the line): a form that is none of these, a missing key, a value that is
/// no text, {} in an unrelated question (whose subject nobody knows), no record left.
EditFile read_edits(const std::filesystem::path& path);

}  // namespace factsweep
