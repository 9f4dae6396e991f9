// Which edits a record of each form makes. Rephrasings and other questions are sought under all of
// their names (edit_keys.hpp), whatever the form.
#include "edit_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "edit_questions.hpp"
#include "factsweep/core/utf8.hpp"

namespace factsweep {
namespace {

using nlohmann::json;

/// What other programs write where the subject belongs; empty: there is none.
std::string_view foreign_place(std::string_view text) {
  constexpr std::string_view kPlaces[] = {"[X]",    "[SUBJ]", "[SUBJECT]", "<SUBJ>", "<SUBJECT>",
                                          "{SUBJ}", "{X}",    "{SUBJECT}", "{0}",    "{ }"};
  std::string capitals(text);
  for (char& c : capitals) {
    if (c >= 'a' && c <= 'z') c ^= 0x20;
  }
  for (const std::string_view place : kPlaces) {
    const std::size_t at = capitals.find(place);
    if (at != std::string::npos) return text.substr(at, place.size());
  }
  return {};
}

/// `text` with the subject in place of {}.
std::string with_subject(std::string text, const std::string& subject, const EditFields& fields) {
  const std::string_view foreign = foreign_place(text);
  if (!foreign.empty() && (subject.empty() || text.find(subject) == std::string::npos))
    fields.fail(fmt::format("'{}' is not the subject. Write {{}} where it belongs", foreign));
  const bool has_place = text.find("{}") != std::string::npos;
  if (has_place && subject.empty()) fields.fail("{} stands for a subject, and there is none");
  for (std::size_t at = text.find("{}"); at != std::string::npos;
       at = text.find("{}", at + subject.size()))
    text.replace(at, 2, subject);
  return text;
}

/// The first text is taught, the others are right, too.
void take(std::vector<std::string> texts, std::string& first, std::vector<std::string>& others) {
  if (texts.empty()) return;
  first = std::move(texts.front());
  others.assign(texts.begin() + 1, texts.end());
}

/// Subject, prompt and answers of what says them under these names.
EditRecord rewrite_of(EditFields& fields, const EditNames& names) {
  for (const EditKeys* keys : {&names.prompt, &names.target_new}) {
    if (!fields.has(*keys)) fields.fail(fmt::format("the record has no {}", fields.called(*keys)));
  }
  EditRecord edit;
  edit.subject = fields.text(names.subject);
  edit.prompt = with_subject(fields.text(names.prompt), edit.subject, fields);
  if (edit.prompt.empty()) fields.fail(fmt::format("{} is empty", fields.called(names.prompt)));
  take(fields.texts(names.target_old), edit.target_old, edit.old_aliases);
  take(fields.texts(names.target_new), edit.target_new, edit.new_aliases);
  return edit;
}

/// What records of all forms may have beside the rewrite. The neighbourhood has the relation and
/// the old answer of the record, and other subjects.
void add_questions(const EditSource& source, EditFields& fields, EditRecord& edit) {
  for (const std::string& text : fields.all_texts(kRephrase))
    edit.rephrasings.push_back(with_subject(text, edit.subject, fields));
  EditQuestions unrelated(source, fields, "a locality prompt"),
      portability(source, fields, "a question of portability");
  unrelated.read(kUnrelated, kLocality);
  for (const std::string& text : fields.texts({"neighborhood_prompts"}))
    unrelated.add(text, accepted(edit.target_old, edit.old_aliases));
  edit.lost_unrelated = unrelated.lost_all();
  edit.unrelated = unrelated.take();
  for (const EditQuestion& question : edit.unrelated) {
    if (question.prompt.find("{}") != std::string::npos)
      fields.fail(
          fmt::format("an unrelated question has {{}}, but it is not about the record's "
                      "subject. Write whom or what it is about: {}",
                      excerpt(question.prompt)));
  }
  portability.read(kPortability, kPorted);
  edit.portability = portability.take();
  for (EditQuestion& question : edit.portability)
    question.prompt = with_subject(question.prompt, edit.subject, fields);
}

void read_named(const EditSource& source, const EditNames& names, std::vector<EditRecord>& edits) {
  EditFields fields(source, source.record);
  EditRecord edit = rewrite_of(fields, names);
  add_questions(source, fields, edit);
  fields.note_unread();
  edits.push_back(std::move(edit));
}

void read_flat(const EditSource& source, std::vector<EditRecord>& edits) {
  read_named(source, kFlatNames, edits);
}

void read_zsre(const EditSource& source, std::vector<EditRecord>& edits) {
  read_named(source, kZsreNames, edits);
}

void read_counterfact(const EditSource& source, std::vector<EditRecord>& edits) {
  EditFields fields(source, source.record);
  const json holder = fields.value({"requested_rewrite"});
  EditFields rewrite(source, holder);
  EditRecord edit = rewrite_of(rewrite, kFlatNames);
  add_questions(source, fields, edit);
  rewrite.note_unread();
  fields.note_unread();
  edits.push_back(std::move(edit));
}

/// The other spellings of an answer to `question`, of MQuAKE's lists of single hops.
std::vector<std::string> aliases_of(const EditSource& source, const json& hops,
                                    const std::string& question) {
  std::vector<std::string> found;
  if (question.empty() || !hops.is_array()) return found;
  for (const json& hop : hops) {
    if (!hop.is_object()) continue;
    EditFields fields(source, hop);
    if (fields.text({"question"}) == question) found = fields.all_texts({"answer", "answer_alias"});
  }
  return found;
}

void add_aliases(const std::vector<std::string>& aliases, const std::string& first,
                 std::vector<std::string>& others) {
  for (const std::string& alias : aliases) {
    const bool known =
        alias == first || std::find(others.begin(), others.end(), alias) != others.end();
    if (!known && !first.empty()) others.push_back(alias);
  }
}

void read_mquake(const EditSource& source, std::vector<EditRecord>& edits) {
  EditFields fields(source, source.record);
  EditQuestions hops(source, fields, "a question of portability");
  const std::vector<std::string> answers = fields.all_texts({"new_answer", "new_answer_alias"});
  for (const std::string& question : fields.texts({"questions"})) hops.add(question, answers);
  const std::vector<EditQuestion> asked = hops.take();
  const json old_hops = fields.value({"single_hops"}), new_hops = fields.value({"new_single_hops"}),
             rewrites = fields.value({"requested_rewrite"});
  if (rewrites.empty()) fields.fail("'requested_rewrite' is empty");
  for (const json& one : rewrites) {
    EditFields rewrite(source, one);
    EditRecord edit = rewrite_of(rewrite, kFlatNames);
    const std::string question = rewrite.text({"question"});
    add_aliases(aliases_of(source, old_hops, question), edit.target_old, edit.old_aliases);
    add_aliases(aliases_of(source, new_hops, question), edit.target_new, edit.new_aliases);
    add_questions(source, fields, edit);
    if (!question.empty()) edit.rephrasings.push_back(question);
    edit.portability.insert(edit.portability.end(), asked.begin(), asked.end());
    rewrite.note_unread();
    edits.push_back(std::move(edit));
  }
  fields.note_unread();
}

bool fits_flat(const json& record) {
  return has_any(record, kFlatNames.prompt) && has_any(record, kFlatNames.target_new);
}

constexpr EditForm kForms[] = {
    {.name = "mquake",
     .keys = "requested_rewrite (a list of prompt, subject, target_new, target_true), questions, "
             "new_answer",
     .fits =
         [](const json& record) {
           return record.contains("requested_rewrite") &&
                  record.at("requested_rewrite").is_array();
         },
     .read = read_mquake},
    {.name = "counterfact",
     .keys = "requested_rewrite (of prompt, subject, target_new, target_true), "
             "paraphrase_prompts, neighborhood_prompts",
     .fits =
         [](const json& record) {
           return record.contains("requested_rewrite") &&
                  record.at("requested_rewrite").is_object();
         },
     .read = read_counterfact},
    {.name = "zsre",
     .keys = "src, alt, pred, subject, rephrase, loc, loc_ans",
     .fits = [](const json& record) { return record.contains("src") && record.contains("alt"); },
     .read = read_zsre},
    {.name = "rome",
     .keys = "prompt (with {}), subject, target_new (of str), target_true (of str)",
     .fits =
         [](const json& record) {
           return record.contains("prompt") && record.contains("target_new") &&
                  record.at("target_new").is_object();
         },
     .read = read_flat},
    {.name = "knowedit",
     .keys = "prompt or text, subject or concept, target_new or labels, ground_truth, locality, "
             "portability",
     .fits =
         [](const json& record) {
           return fits_flat(record) && has_any(record, {"locality", "portability", "concept",
                                                        "labels"});
         },
     .read = read_flat},
    {.name = "easyedit",
     .keys = "prompt, target_new, ground_truth, subject, rephrase_prompt, locality_prompt, "
             "locality_ground_truth, portability_prompt, portability_ground_truth",
     .fits = fits_flat,
     .read = read_flat},
};

}  // namespace

std::span<const EditForm> all_edit_forms() {
  return kForms;
}

const EditForm* edit_form_of(const json& record) {
  if (!record.is_object()) return nullptr;
  for (const EditForm& form : kForms) {
    if (form.fits(record)) return &form;
  }
  return nullptr;
}

}  // namespace factsweep
