// Records of knowledge-editing benchmarks: a question, its old and its new answer, a rephrasing,
// and an unrelated prompt whose answer must not change.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace factsweep {

/// Texts as they are in the file, white space at their ends included (EasyEdit's metric tokenises
/// them so); the four of the first line hold more than white space, and the answers differ.
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
};

/// JSON array or JSON lines, .gz read transparently; the first record's keys tell the form:
///
///               subject          prompt       old           new                 rephrasing
///   counterfact subject          prompt       ground_truth  target_new          rephrase_prompt
///   zsre        subject          src          pred          alt                 rephrase
///   knowedit    subject, concept prompt, text ground_truth  target_new, labels  rephrase_prompt,
///                                                                               rephrase
///
/// Locality: locality_prompt and locality_ground_truth (CounterFact in EasyEdit's form), loc and
/// loc_ans or loc-ans (ZsRE in MEND's; the prompt keeps its "nq question: "), the first prompt of
/// locality.Relation_Specificity, else of locality.Forgetfulness (KnowEdit). An answer may be a
/// list of spellings: the first counts. For ZsRE the old answer is `pred`, not `answers`
/// (F-Learning, arXiv 2311.08011, appendix A.1).
///
/// Left out and counted: no new answer, no old answer, equal answers. InputError with file, record
/// and key (of JSON lines the line): a form that is none of these, a missing key, a value that is
/// no text, no record left.
EditFile read_edits(const std::filesystem::path& path);

}  // namespace factsweep
