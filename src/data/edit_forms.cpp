// One table of keys says what the flat forms call the same things. Rephrasings and other questions
// are sought under all of their names, whatever the form.
#include "edit_forms.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "factsweep/core/utf8.hpp"
#include "factsweep/data/trim.hpp"

namespace factsweep {
namespace {

using nlohmann::json;
using Keys = std::vector<std::string_view>;  // names of one thing, the usual one first
using Pairs = std::vector<std::pair<Keys, Keys>>;

const Keys kRephrase = {"rephrase_prompt", "rephrase", "rephrase_prompts", "paraphrase_prompts"};
/// Names of a question, and of its answer beside it.
const Pairs kUnrelated = {
    {{"locality_prompt", "locality_prompts"}, {"locality_ground_truth", "locality_answer"}},
    {{"loc"}, {"loc_ans", "loc-ans"}}};
const Pairs kPortability = {{{"portability_prompt", "portability_prompts"},
                             {"portability_ground_truth", "portability_answer"}}};
/// The same of an entry of locality.NAME or portability.NAME.
const Keys kPrompt = {"prompt", "New Question"}, kAnswers = {"ground_truth", "New Answer"};
const Keys kLocality = {"locality", "locality_inputs"},
           kPorted = {"portability", "portability_inputs"};
/// The kinds of `locality` that come before others.
constexpr std::string_view kFirstKinds[] = {"Relation_Specificity", "Forgetfulness",
                                            "neighborhood"};

struct Names {
  Keys subject, prompt, target_old, target_new;
};
const Names kFlat = {{"subject", "concept"},
                     {"prompt", "text", "question"},
                     {"ground_truth", "target_old", "target_true", "old_answer"},
                     {"target_new", "labels", "new_answer"}},
            kZsre = {{"subject"}, {"src"}, {"pred"}, {"alt"}};

bool has_any(const json& record, const Keys& keys) {
  return std::any_of(keys.begin(), keys.end(), [&](auto key) { return record.contains(key); });
}

[[noreturn]] void fail(const std::string& where, const std::string& rule) {
  throw RecordError(where, rule);
}

/// Adds the texts of a value to `texts`, and those of lists in it: trimmed, the blank ones and
/// repetitions left out. A number without a fraction is a text, too: a year.
void add_texts(std::vector<std::string>& texts, const json& value, std::string_view key,
               const std::string& where) {
  if (value.is_array()) {
    for (const json& part : value) add_texts(texts, part, key, where);
  } else if (value.is_object() && value.contains("str")) {
    add_texts(texts, value.at("str"), key, where);
  } else if (value.is_string() || value.is_number_integer()) {
    const std::string whole = value.is_string() ? value.get<std::string>() : value.dump();
    const std::string text(trimmed(whole));
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(text);
  } else if (!value.is_null()) {
    fail(where, fmt::format("'{}' is not a text: {}", key, excerpt(value.dump())));
  }
}

/// All texts that a record has under these names.
std::vector<std::string> texts_of(const json& record, const Keys& keys, const std::string& where) {
  std::vector<std::string> texts;
  for (const std::string_view key : keys) {
    const auto value = record.find(key);
    if (value != record.end()) add_texts(texts, *value, key, where);
  }
  return texts;
}

/// The one text under the first of the names that has any; empty: none has.
std::string text_of(const json& record, const Keys& keys, const std::string& where) {
  for (const std::string_view key : keys) {
    const std::vector<std::string> texts = texts_of(record, {key}, where);
    if (texts.size() > 1)
      fail(where, fmt::format("'{}' has several texts, but a record is one edit. Give each its own "
                              "record",
                              key));
    if (!texts.empty()) return texts.front();
  }
  return {};
}

/// Whether there is anything in a value but blanks and empty lists.
bool says_something(const json& value) {
  if (value.is_structured())
    return std::any_of(value.begin(), value.end(), [](const json& v) { return says_something(v); });
  return value.is_string() ? !trimmed(value.get_ref<const std::string&>()).empty()
                           : !value.is_null();
}

/// `text` with the subject in place of {}.
std::string with_subject(std::string text, const std::string& subject, const std::string& where) {
  const bool has_place = text.find("{}") != std::string::npos;
  if (has_place && subject.empty()) fail(where, "{} stands for a subject, and there is none");
  for (std::size_t at = text.find("{}"); at != std::string::npos;
       at = text.find("{}", at + subject.size()))
    text.replace(at, 2, subject);
  return text;
}

/// Questions with their answers, in the order in which a record has them.
class QuestionReader {
 public:
  explicit QuestionReader(const EditSource& source)
      : record_(source.record), where_(source.where) {}

  /// Those beside the prompt, then those of `locality.NAME` or the like.
  std::vector<EditQuestion> read(const Pairs& beside, const Keys& nested) {
    for (const auto& [prompts, answers] : beside) {
      if (has_any(record_, prompts)) add_pairs(record_, prompts, answers);
    }
    for (const std::string_view key : nested) {
      const auto value = record_.find(key);
      if (value != record_.end() && says_something(*value)) add_kinds(key, *value);
    }
    return std::move(found_);
  }

 private:
  void add_kinds(std::string_view key, const json& value) {
    if (!value.is_object() || has_any(value, kPrompt)) return add_entries(key, value);
    for (const std::string_view kind : kFirstKinds) {
      const auto entries = value.find(kind);
      if (entries != value.end()) add_entries(key, *entries);
    }
    for (const auto& [kind, entries] : value.items()) {
      if (std::find(std::begin(kFirstKinds), std::end(kFirstKinds), kind) == std::end(kFirstKinds))
        add_entries(key, entries);
    }
  }

  void add_entries(std::string_view key, const json& entries) {
    if (!says_something(entries)) return;
    if (entries.is_array()) {
      for (const json& entry : entries) add_entries(key, entry);
      return;
    }
    if (!entries.is_object() || !has_any(entries, kPrompt))
      fail(where_, fmt::format("'{}' has what is no object with 'prompt' and 'ground_truth': {}",
                               key, excerpt(entries.dump())));
    add_pairs(entries, kPrompt, kAnswers);
  }

  /// A question with the spellings of its answer, or a list of questions with one of answers.
  void add_pairs(const json& holder, const Keys& prompt_keys, const Keys& answer_keys) {
    const auto value_of = [&](const Keys& keys) {
      for (const std::string_view key : keys) {
        if (holder.contains(key)) return holder.at(key);
      }
      return json();
    };
    const json prompts = value_of(prompt_keys), answers = value_of(answer_keys);
    if (!prompts.is_array() || prompts.size() < 2) {
      add(texts_of(holder, prompt_keys, where_), texts_of(holder, answer_keys, where_));
      return;
    }
    const bool one_for_all = answers.is_string();
    if (!one_for_all && (!answers.is_array() || answers.size() != prompts.size()))
      fail(where_, fmt::format("'{}' has several questions, so '{}' needs as many answers",
                               prompt_keys.front(), answer_keys.front()));
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      std::vector<std::string> prompt, spellings;
      add_texts(prompt, prompts[i], prompt_keys.front(), where_);
      add_texts(spellings, one_for_all ? answers : answers[i], answer_keys.front(), where_);
      add(prompt, std::move(spellings));
    }
  }

  void add(const std::vector<std::string>& prompt, std::vector<std::string> answers) {
    if (!prompt.empty() && !answers.empty()) found_.push_back({prompt.front(), std::move(answers)});
  }

  const json& record_;
  const std::string& where_;
  std::vector<EditQuestion> found_;
};

/// The first text is taught, the others are right, too.
void take(std::vector<std::string> texts, std::string& first, std::vector<std::string>& others) {
  if (texts.empty()) return;
  first = std::move(texts.front());
  others.assign(texts.begin() + 1, texts.end());
}

/// Subject, prompt and answers of what says them under these names.
EditRecord rewrite_of(const json& holder, const Names& names, const std::string& where) {
  for (const Keys* keys : {&names.prompt, &names.target_new}) {
    if (!has_any(holder, *keys))
      fail(where, fmt::format("the record has no '{}'", fmt::join(*keys, "' or '")));
  }
  EditRecord edit;
  edit.subject = text_of(holder, names.subject, where);
  edit.prompt = with_subject(text_of(holder, names.prompt, where), edit.subject, where);
  if (edit.prompt.empty())
    fail(where, fmt::format("'{}' is empty", fmt::join(names.prompt, "' or '")));
  take(texts_of(holder, names.target_old, where), edit.target_old, edit.old_aliases);
  take(texts_of(holder, names.target_new, where), edit.target_new, edit.new_aliases);
  return edit;
}

/// What records of all forms may have beside the rewrite.
void add_questions(const EditSource& source, EditRecord& edit) {
  const json& record = source.record;
  for (const std::string& text : texts_of(record, kRephrase, source.where))
    edit.rephrasings.push_back(with_subject(text, edit.subject, source.where));
  edit.unrelated = QuestionReader(source).read(kUnrelated, kLocality);
  for (const EditQuestion& question : edit.unrelated) {
    if (question.prompt.find("{}") != std::string::npos)
      fail(source.where, fmt::format("an unrelated question has {{}}, but it is not about the "
                                     "record's subject. Write whom or what it is about: {}",
                                     excerpt(question.prompt)));
  }
  edit.portability = QuestionReader(source).read(kPortability, kPorted);
  for (EditQuestion& question : edit.portability)
    question.prompt = with_subject(question.prompt, edit.subject, source.where);
}

void note_unread(const EditSource& source, const Keys& keys) {
  for (const std::string_view key : keys) {
    const auto value = source.record.find(key);
    if (value != source.record.end() && says_something(*value))
      ++source.not_used[fmt::format("'{}'", key)];
  }
}

void read_named(const EditSource& source, const Names& names, std::vector<EditRecord>& edits) {
  EditRecord edit = rewrite_of(source.record, names, source.where);
  add_questions(source, edit);
  note_unread(source, {"neighborhood_prompts", "attribute_prompts", "generation_prompts"});
  edits.push_back(std::move(edit));
}

void read_flat(const EditSource& source, std::vector<EditRecord>& edits) {
  read_named(source, kFlat, edits);
}

void read_zsre(const EditSource& source, std::vector<EditRecord>& edits) {
  read_named(source, kZsre, edits);
}

/// The neighbourhood has the relation and the old answer of the record, and other subjects.
void read_counterfact(const EditSource& source, std::vector<EditRecord>& edits) {
  EditRecord edit = rewrite_of(source.record.at("requested_rewrite"), kFlat, source.where);
  add_questions(source, edit);
  for (const std::string& text : texts_of(source.record, {"neighborhood_prompts"}, source.where)) {
    if (!edit.target_old.empty())
      edit.unrelated.push_back({text, accepted(edit.target_old, edit.old_aliases)});
  }
  note_unread(source, {"attribute_prompts", "generation_prompts"});
  edits.push_back(std::move(edit));
}

/// The other spellings of an answer to `question`, of MQuAKE's lists of single hops.
std::vector<std::string> aliases_of(const EditSource& source, const char* hops,
                                    const std::string& question) {
  std::vector<std::string> found;
  const auto list = source.record.find(hops);
  if (question.empty() || list == source.record.end() || !list->is_array()) return found;
  for (const json& hop : *list) {
    if (hop.is_object() && text_of(hop, {"question"}, source.where) == question)
      found = texts_of(hop, {"answer", "answer_alias"}, source.where);
  }
  return found;
}

void read_mquake(const EditSource& source, std::vector<EditRecord>& edits) {
  std::vector<EditQuestion> hops;
  const std::vector<std::string> answers =
      texts_of(source.record, {"new_answer", "new_answer_alias"}, source.where);
  for (const std::string& question : texts_of(source.record, {"questions"}, source.where)) {
    if (!answers.empty()) hops.push_back({question, answers});
  }
  const auto add_aliases = [&](const char* key, const std::string& question,
                               const std::string& first, std::vector<std::string>& others) {
    for (const std::string& alias : aliases_of(source, key, question)) {
      const bool known =
          alias == first || std::find(others.begin(), others.end(), alias) != others.end();
      if (!known && !first.empty()) others.push_back(alias);
    }
  };
  if (source.record.at("requested_rewrite").empty())
    fail(source.where, "'requested_rewrite' is empty");
  for (const json& rewrite : source.record.at("requested_rewrite")) {
    EditRecord edit = rewrite_of(rewrite, kFlat, source.where);
    const std::string question = text_of(rewrite, {"question"}, source.where);
    add_aliases("single_hops", question, edit.target_old, edit.old_aliases);
    add_aliases("new_single_hops", question, edit.target_new, edit.new_aliases);
    add_questions(source, edit);
    if (!question.empty()) edit.rephrasings.push_back(question);
    edit.portability.insert(edit.portability.end(), hops.begin(), hops.end());
    edits.push_back(std::move(edit));
  }
}

bool fits_flat(const json& record) {
  return has_any(record, kFlat.prompt) && has_any(record, kFlat.target_new);
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

void unpack_cells(json& row, const std::string& separator) {
  static const Keys whole = {"prompt", "src", "text", "question", "subject", "concept"};
  for (auto& [name, cell] : row.items()) {
    if (!cell.is_string() || std::find(whole.begin(), whole.end(), name) != whole.end()) continue;
    const std::string text(trimmed(cell.get_ref<const std::string&>()));
    if (text.starts_with('[') || text.starts_with('{')) {
      json inside = json::parse(text, nullptr, /*allow_exceptions=*/false);
      if (!inside.is_structured()) continue;
      cell = std::move(inside);
    } else if (!separator.empty() && text.find(separator) != text.npos) {
      cell = json::array();
      for (std::string_view rest = text;;) {
        const std::size_t at = rest.find(separator);
        cell.push_back(std::string(trimmed(rest.substr(0, at))));
        if (at == rest.npos) break;
        rest.remove_prefix(at + separator.size());
      }
    }
  }
}

}  // namespace factsweep
