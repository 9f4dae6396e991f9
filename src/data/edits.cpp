// One table of keys says what the three forms call the same things. Rephrasings and unrelated
// questions are sought under all of their names, whatever the form.
#include "factsweep/data/edits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/trim.hpp"

namespace factsweep {
namespace {

using nlohmann::json;
using Keys = std::vector<std::string_view>;  // names of one thing, the usual one first

struct Form {
  std::string_view name;
  Keys subject, prompt, target_old, target_new;
};

const Form kCounterFact = {
    "counterfact", {"subject"}, {"prompt"}, {"ground_truth"}, {"target_new"}};
const Form kZsre = {"zsre", {"subject"}, {"src"}, {"pred"}, {"alt"}};
const Form kKnowEdit = {"knowedit",
                        {"subject", "concept"},
                        {"prompt", "text"},
                        {"ground_truth"},
                        {"target_new", "labels"}};
const Keys kRephrase = {"rephrase_prompt", "rephrase"};
/// Names of an unrelated question, and of its answer beside it.
const std::pair<Keys, Keys> kUnrelated[] = {{{"locality_prompt"}, {"locality_ground_truth"}},
                                            {{"loc"}, {"loc_ans", "loc-ans"}}};
/// The kinds of `locality` that come before others.
constexpr std::string_view kLocalityKinds[] = {"Relation_Specificity", "Forgetfulness",
                                               "neighborhood"};
/// Questions that benchmarks have and nothing here asks.
constexpr std::string_view kUnread[] = {"portability",       "portability_prompt",
                                        "paraphrase_prompts", "neighborhood_prompts",
                                        "attribute_prompts",  "generation_prompts"};

const Form& form_of(const json& record, const std::string& where) {
  if (record.contains("src")) return kZsre;
  for (const char* key : {"locality", "portability", "concept", "labels"}) {
    if (record.contains(key)) return kKnowEdit;
  }
  if (record.contains("prompt") && record.contains("target_new")) return kCounterFact;
  throw InputError(fmt::format(
      "{}: the record is none of the known forms. CounterFact (EasyEdit's) has 'prompt' and "
      "'target_new', ZsRE (MEND's) 'src' and 'alt', KnowEdit 'prompt', 'target_new' and "
      "'locality'.{}",
      where,
      record.contains("requested_rewrite")
          ? " This is ROME's form of CounterFact; convert it to EasyEdit's."
          : ""));
}

/// Adds the texts of a value to `texts`, and those of lists in it: trimmed, the blank ones and
/// repetitions left out.
void add_texts(std::vector<std::string>& texts, const json& value, std::string_view key,
               const std::string& where) {
  if (value.is_array()) {
    for (const json& part : value) add_texts(texts, part, key, where);
  } else if (value.is_string()) {
    const std::string text(trimmed(value.get_ref<const std::string&>()));
    if (!text.empty() && std::find(texts.begin(), texts.end(), text) == texts.end())
      texts.push_back(text);
  } else if (!value.is_null()) {
    throw InputError(
        fmt::format("{}: '{}' = {} is not a text. Quote it.", where, key, excerpt(value.dump())));
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

std::string first_of(const std::vector<std::string>& texts) {
  return texts.empty() ? "" : texts.front();
}

/// Whether there is anything in a value but blanks and empty lists.
bool says_something(const json& value) {
  if (value.is_structured())
    return std::any_of(value.begin(), value.end(), [](const json& v) { return says_something(v); });
  return value.is_string() ? !trimmed(value.get_ref<const std::string&>()).empty()
                           : !value.is_null();
}

/// `text` with the subject in place of {}.
std::string with_subject(std::string text, const std::string& subject) {
  for (std::size_t at = text.find("{}"); at != std::string::npos;
       at = text.find("{}", at + subject.size()))
    text.replace(at, 2, subject);
  return text;
}

/// Unrelated questions of a record, in the order in which they would be taken.
struct Unrelated {
  std::string prompt;
  std::vector<std::string> answers;
};

class UnrelatedReader {
 public:
  UnrelatedReader(const json& record, const std::string& where) : record_(record), where_(where) {}

  /// `nested_first`: those of `locality` before those beside the prompt.
  std::vector<Unrelated> read(bool nested_first) {
    if (nested_first) add_nested();
    for (const auto& [prompts, answers] : kUnrelated) {
      const auto names_one = [&](std::string_view key) { return record_.contains(key); };
      if (std::any_of(prompts.begin(), prompts.end(), names_one))
        add_pairs(record_, prompts, answers, where_);
    }
    if (!nested_first) add_nested();
    return std::move(found_);
  }

 private:
  void add_nested() {
    const auto locality = record_.find("locality");
    if (locality == record_.end() || !says_something(*locality)) return;
    if (!locality->is_object())
      throw InputError(fmt::format(
          "{}: 'locality' is no object that has lists of questions by their kinds.", where_));
    for (const std::string_view kind : kLocalityKinds) {
      const auto entries = locality->find(kind);
      if (entries != locality->end()) add_kind(kind, *entries);
    }
    for (const auto& [kind, entries] : locality->items()) {
      if (std::find(std::begin(kLocalityKinds), std::end(kLocalityKinds), kind) ==
          std::end(kLocalityKinds))
        add_kind(kind, entries);
    }
  }

  void add_kind(std::string_view kind, const json& entries) {
    if (entries.is_object()) {
      add_entry(entries, fmt::format("{}, locality.{}", where_, kind));
      return;
    }
    if (!says_something(entries)) return;
    for (std::size_t i = 0; i < (entries.is_array() ? entries.size() : 1); ++i)
      add_entry(entries.is_array() ? entries[i] : entries,
                fmt::format("{}, locality.{}[{}]", where_, kind, i));
  }

  void add_entry(const json& entry, const std::string& at) {
    if (!entry.is_object())
      throw InputError(fmt::format("{} is no object with 'prompt' and 'ground_truth'.", at));
    add_pairs(entry, {"prompt"}, {"ground_truth"}, at);
  }

  /// A question with the spellings of its answer, or a list of questions with one of answers.
  void add_pairs(const json& holder, const Keys& prompt_keys, const Keys& answer_keys,
                 const std::string& at) {
    const auto value_of = [&](const Keys& keys) {
      for (const std::string_view key : keys) {
        if (holder.contains(key)) return holder.at(key);
      }
      return json();
    };
    const json prompts = value_of(prompt_keys), answers = value_of(answer_keys);
    if (!prompts.is_array() || prompts.size() < 2) {
      add(texts_of(holder, prompt_keys, at), texts_of(holder, answer_keys, at), at);
      return;
    }
    if (!answers.is_array() || answers.size() != prompts.size())
      throw InputError(fmt::format("{}: '{}' has {} questions, so '{}' needs as many answers.", at,
                                   prompt_keys.front(), prompts.size(), answer_keys.front()));
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      std::vector<std::string> prompt, spellings;
      add_texts(prompt, prompts[i], prompt_keys.front(), at);
      add_texts(spellings, answers[i], answer_keys.front(), at);
      add(prompt, std::move(spellings), at);
    }
  }

  void add(const std::vector<std::string>& prompt, std::vector<std::string> answers,
           const std::string& at) {
    if (prompt.empty() || answers.empty()) return;
    if (prompt.front().find("{}") != std::string::npos)
      throw InputError(fmt::format(
          "{}: the unrelated question '{}' has {{}}, but it is not about the record's subject. "
          "Write whom or what it is about.",
          at, prompt.front()));
    found_.push_back({prompt.front(), std::move(answers)});
  }

  const json& record_;
  const std::string& where_;
  std::vector<Unrelated> found_;
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  EditFile read() {
    const std::string content = read_file(path_), found = find_file(path_).string();
    const std::string_view text = without_byte_order_mark(content);
    if (trimmed(text).starts_with('[')) {
      for (const json& record : read_json(path_))
        add(record, fmt::format("{}: record {}", found, row_ + 1));
    } else {
      for_each_json_line(text, found, [&](const json& record, std::int64_t line) {
        add(record, fmt::format("{}:{}: record {}", found, line, row_ + 1));
      });
    }
    if (file_.records.empty()) throw InputError(nothing_left(found));
    return std::move(file_);
  }

 private:
  void add(const json& record, const std::string& where) {
    if (!record.is_object())
      throw InputError(fmt::format("{} is no JSON object but {}.", where, excerpt(record.dump())));
    if (form_ == nullptr) {
      form_ = &form_of(record, where);
      file_.form = form_->name;
    }
    EditRecord edit;
    edit.row = row_++;
    edit.subject = filled(record, form_->subject, where);
    edit.prompt = with_subject(filled(record, form_->prompt, where), edit.subject);
    // KnowEdit's new facts (WikiData_recent, WikiBio) replace none
    const std::vector<std::string> old_answers =
        form_ == &kKnowEdit ? texts_of(record, form_->target_old, where)
                            : needed(record, form_->target_old, where);
    const std::vector<std::string> new_answers = needed(record, form_->target_new, where),
                                   rephrasings = texts_of(record, kRephrase, where);
    const std::vector<Unrelated> unrelated =
        UnrelatedReader(record, where).read(form_ == &kKnowEdit);
    edit.target_old = first_of(old_answers);
    edit.target_new = first_of(new_answers);
    if (!is_edit(edit)) return;
    edit.rephrase = with_subject(first_of(rephrasings), edit.subject);
    if (rephrasings.empty()) ++file_.not_measured["no rephrasing"];
    if (unrelated.empty()) {
      ++file_.not_measured["no locality prompt"];
    } else {
      edit.locality_prompt = unrelated.front().prompt;
      edit.locality_answer = unrelated.front().answers.front();
      count_unused("further answers to the unrelated question", unrelated.front().answers.size());
    }
    count_unused("further old answers", old_answers.size());
    count_unused("further new answers", new_answers.size());
    count_unused("further rephrasings", rephrasings.size());
    count_unused("further unrelated questions", unrelated.size());
    for (const std::string_view key : kUnread) {
      const auto value = record.find(key);
      if (value != record.end() && says_something(*value))
        ++file_.not_used[fmt::format("'{}'", key)];
    }
    file_.records.push_back(std::move(edit));
  }

  /// Else it is counted.
  bool is_edit(const EditRecord& edit) {
    const char* why = edit.target_new.empty()             ? "no new answer"
                      : edit.target_old.empty()           ? "no old answer"
                      : edit.target_old == edit.target_new ? "the new answer equals the old one"
                                                          : nullptr;
    if (why != nullptr) ++file_.left_out[why];
    return why == nullptr;
  }

  void count_unused(const std::string& what, std::size_t texts) {
    if (texts > 1) ++file_.not_used[what];
  }

  std::vector<std::string> needed(const json& record, const Keys& keys,
                                  const std::string& where) const {
    const bool there = std::any_of(keys.begin(), keys.end(),
                                   [&](std::string_view key) { return record.contains(key); });
    if (there) return texts_of(record, keys, where);
    throw InputError(fmt::format(
        "{} has no '{}', which every record of the form '{}' has. The first record told the form.",
        where, fmt::join(keys, "' or '"), form_->name));
  }

  /// The one text under the first of the names that has any.
  std::string filled(const json& record, const Keys& keys, const std::string& where) const {
    needed(record, keys, where);
    for (const std::string_view key : keys) {
      const std::vector<std::string> texts = texts_of(record, {key}, where);
      if (texts.size() > 1)
        throw InputError(fmt::format(
            "{}: '{}' has {} different texts, but a record is one edit. Give each its own record.",
            where, key, texts.size()));
      if (!texts.empty()) return texts.front();
    }
    throw InputError(fmt::format("{}: '{}' is empty. Fill it, or remove the record.", where,
                                 fmt::join(keys, "' or '")));
  }

  std::string nothing_left(const std::string& found) const {
    std::string why;
    for (const auto& [reason, count] : file_.left_out)
      why += fmt::format("{}{} with {}", why.empty() ? ": " : ", ", count, reason);
    return fmt::format(
        "{}: none of its {} records can be used{}. An edit needs an old and a new "
        "answer that differ.",
        found, row_, why);
  }

  const std::filesystem::path& path_;
  const Form* form_ = nullptr;
  std::int64_t row_ = 0;
  EditFile file_;
};

}  // namespace

EditFile read_edits(const std::filesystem::path& path) {
  return Reader(path).read();
}

}  // namespace factsweep
