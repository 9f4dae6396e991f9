// Records of knowledge-editing benchmarks and of one's own: a question, its old and its new answer,
// rephrasings, questions whose answers follow from the new one, and unrelated ones whose answers
// must not change.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "factsweep/data/record_counts.hpp"

namespace factsweep {

/// A question about an edited model.
struct EditQuestion {
  std::string prompt;
  std::vector<std::string> answers;  // each is right; at least one
};

/// Texts in NFC, without white space at their ends (trim.hpp). Prompt and new answer are not empty,
/// no answer is right as old and as new one, and none has a line break.
struct EditRecord {
  std::int64_t row = 0;  // of the file, from 0; of JSON lines without the empty ones
  std::string subject;   // empty: the record does not say
  std::string prompt;
  std::string target_old, target_new;                // what is taught; no old one: empty
  std::vector<std::string> old_aliases = {}, new_aliases = {};  // right beside these
  std::vector<std::string> rephrasings = {};         // ask the same as prompt
  std::vector<EditQuestion> unrelated = {}, portability = {};
  std::string where = {};  // file and line
  bool lost_rephrasings = false, lost_unrelated = false;  // there were some, and none can be used
};

/// Where the subject stands in the prompt, in bytes: of several places the last one that is not a
/// part of a longer word; npos: nowhere. What ROME and MEMIT look up.
std::size_t place_of_subject(const EditRecord& record);

/// `first`, where there is one, then the others.
std::vector<std::string> accepted(const std::string& first, const std::vector<std::string>& others);

/// What becomes of records that ask what another one asks: nothing; or those that say the same
/// again go, and of those that want different new answers all.
enum class RepeatedEdits { keep, drop };

struct EditSettings {
  std::string form = "auto";  // one of edit_forms(), or auto: told by the records' keys
  /// What a file of one's own calls a thing, by the name that edit_columns() has for it.
  std::map<std::string, std::string> columns = {};
  std::string separator = {};  // between several texts in a cell of a table; empty: one text
  double bad_records = kBadRecords;
  RepeatedEdits repeated = RepeatedEdits::keep;
};

/// "counterfact", ...
std::vector<std::string> edit_forms();
/// "prompt", ...: what columns may name.
std::vector<std::string> edit_columns();

struct EditFile {
  std::string form;
  std::vector<EditRecord> records;
  std::int64_t read = 0;                             // records of the file
  RecordCounts bad;                                  // left out: cannot be read, or no edit
  RecordCounts left_out;                             // left out by choice
  RecordCounts questions;                            // of what is used, left out: how many
  RecordCounts repeated;                             // of what is used
  std::map<std::string, std::int64_t> not_measured;  // what is missing -> how many kept records
  std::map<std::string, std::int64_t> not_used;      // what is there and not read -> the same
};

/// A file of records (records.hpp) in one of these forms, which most of its first records tell:
///
///   easyedit     EasyEdit's, flat or nested: prompt, target_new, ground_truth, subject,
///                rephrase_prompt; locality_prompt with locality_ground_truth, or locality.NAME;
///                portability_prompt with portability_ground_truth, or portability.NAME
///   knowedit     the same, also with concept, text and labels for subject, prompt and target_new
///   zsre         MEND's: src, alt, pred, subject, rephrase, loc, loc_ans. The old answer is
///   `pred`,
///                not `answers` (F-Learning, arXiv 2311.08011, appendix A.1)
///   rome         prompt with {}, subject, target_new.str, target_true.str
///   counterfact  ROME's: requested_rewrite (as `rome`), paraphrase_prompts, neighborhood_prompts,
///                whose answers are the old one
///   mquake       requested_rewrite is a list: each is an edit, and the questions of the record,
///                with new_answer and its aliases, are the portability of all
///
/// NAME's value is {"prompt", "ground_truth"}, a list of such, or has as many prompts as answers;
/// an answer is a text, or a list of texts that are right. {} in a prompt, a rephrasing or a
/// question of portability is the subject.
///
/// Of several names of one thing the first that says something is read; what `columns` names is
/// read under that name alone, and rephrasings under all. What other keys that some form has say,
/// and misspelt ones, is in `not_used`.
///
/// Left out and counted, `bad`: no prompt or no new answer, what is no text or a list that is
/// written as one, an answer with a line break, one that is right as old and as new one, {} where
/// no subject is, [X] and such in its place, questions without as many answers. `questions`:
/// without an answer, or with one that has a line break; a rephrasing that is the prompt itself.
/// `left_out`: what `repeated` drops. InputError: a file that cannot be read, more bad records than
/// `bad_records` allows (record_counts.hpp), records of no known form, a column that is named
/// twice, none left.
EditFile read_edits(const std::filesystem::path& path, const EditSettings& settings = {});

/// Leaves out the unrelated questions that are the prompt of one of the records: their answers are
/// to change. Returns how many, and where.
RecordCounts leave_out_edited(std::span<EditRecord> records);

/// Leaves out the records of which `reason(record)` is not empty.
void leave_out(EditFile& file, const std::function<std::string(const EditRecord&)>& reason);

}  // namespace factsweep
