// Which edits a record of each form makes. Rephrasings and other questions are sought under all of
// their names (edit_keys.hpp), whatever the form.
#include "edit_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "edit_questions.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/trim.hpp"

namespace factsweep {
namespace {

using nlohmann::json;

/// The first of the places that a text has, in small or in capital letters; empty: it has none.
std::string_view place_in(std::string_view text, std::span<const std::string_view> places) {
  std::string capitals(text);
  for (char& c : capitals) {
    if (c >= 'a' && c <= 'z') c ^= 0x20;
  }
  for (const std::string_view place : places) {
    const std::size_t at = capitals.find(place);
    if (at != std::string::npos) return text.substr(at, place.size());
  }
  return {};
}

/// "{entity}" where a word of a text is in braces, as Python's format has it and LaTeX has not.
std::string_view name_in_braces(std::string_view text) {
  if (text.find('\\') != text.npos) return {};
  for (std::size_t open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
    const std::size_t end = std::min(text.find('}', open), text.size());
    const std::string_view name = trimmed(text.substr(open + 1, end - open - 1));
    const bool begins_word =
        open == 0 || std::string_view(" \t\n\"'({").find(text[open - 1]) != std::string_view::npos;
    const bool is_name = name.size() > 1 && std::all_of(name.begin(), name.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
                         });
    if (begins_word && is_name && end < text.size()) return text.substr(open, end + 1 - open);
  }
  return {};
}

/// What other programs write where the subject belongs; empty: there is none.
std::string_view foreign_place(std::string_view text) {
  constexpr std::string_view kPlaces[] = {
      "[X]", "[SUBJ]", "[SUBJECT]", "<SUBJ>", "<SUBJECT>", "{SUBJ}",   "{X}", "{SUBJECT}", "{0}",
      "{ }", "[SUB]",  "<SUB>",     "<X>",    "[S]",       "[ENTITY]", "{S}", "<ENTITY>"};
  const std::string_view place = place_in(text, kPlaces);
  return place.empty() ? name_in_braces(text) : place;
}

/// Fails where a text has the place of an answer, as cloze questions have it: here it is the end.
void check_no_cloze(const std::string& text, const EditFields& fields) {
  constexpr std::string_view kPlaces[] = {"[Y]",   "[OBJ]", "[OBJECT]", "[MASK]",
                                          "<OBJ>", "<Y>",   "<OBJECT>", "<MASK>"};
  const std::string_view place = place_in(text, kPlaces);
  if (!place.empty())
    fields.fail(
        fmt::format("'{}' is the place of an answer, which comes behind its question. End "
                    "the question there",
                    place));
}

/// `text` with the subject in place of {}.
std::string with_subject(std::string text, const std::string& subject, const EditFields& fields) {
  check_no_cloze(text, fields);
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
  const EditPair& own = kUnrelated.front();
  const bool are_named = fields.are_named(own.prompt) || fields.are_named(own.answer);
  if (!are_named) {
    for (const std::string& text : fields.texts({"neighborhood_prompts"}))
      unrelated.add(text, accepted(edit.target_old, edit.old_aliases));
  }
  edit.lost_unrelated = unrelated.lost_all();
  edit.unrelated = unrelated.take();
  for (const EditQuestion& question : edit.unrelated) {
    check_no_cloze(question.prompt, fields);
    const bool has_place = question.prompt.find("{}") != std::string::npos;
    const std::string_view place = has_place ? "{}" : foreign_place(question.prompt);
    if (!place.empty())
      fields.fail(
          fmt::format("an unrelated question has {}, but it is not about the record's "
                      "subject. Write whom or what it is about: {}",
                      place, excerpt(question.prompt)));
  }
  portability.read(kPortability, kPorted);
  edit.portability = portability.take();
  for (EditQuestion& question : edit.portability)
    question.prompt = with_subject(question.prompt, edit.subject, fields);
}

void read_named(const EditSource& source, const EditNames& names, std::vector<EditRecord>& edits) {
  EditFields fields(source, source.record);
  EditRecord edit = rewrite_of(fields, fields.names(names));
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
  const EditPair& own = kPortability.front();
  const bool are_named = fields.are_named(own.prompt) || fields.are_named(own.answer);
  EditQuestions hops(source, fields, "a question of portability");
  if (!are_named) {
    const std::vector<std::string> answers = fields.all_texts({"new_answer", "new_answer_alias"});
    for (const std::string& question : fields.texts({"questions"})) hops.add(question, answers);
  }
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
    if (!question.empty() && !fields.are_named(kRephrase))
      edit.rephrasings.push_back(with_subject(question, edit.subject, fields));
    for (const EditQuestion& hop : asked)
      edit.portability.push_back({with_subject(hop.prompt, edit.subject, fields), hop.answers});
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
     .fits =
         [](const json& record) {  // the deck may say that its new answer is another one than alt
           return record.contains("src") &&
                  (record.contains("alt") || (record.contains("target_new") && !fits_flat(record)));
         },
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
