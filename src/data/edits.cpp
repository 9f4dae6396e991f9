#include "factsweep/data/edits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "edit_forms.hpp"
#include "edit_questions.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/records.hpp"
#include "letters.hpp"

namespace factsweep {
namespace {

using nlohmann::json;

constexpr const char* kColumns[] = {"prompt",
                                    "subject",
                                    "target_new",
                                    "target_old",
                                    "rephrase",
                                    "locality_prompt",
                                    "locality_answer",
                                    "portability_prompt",
                                    "portability_answer"};

/// What is not measured of the records that are used, or used in part.
void note_lacks(EditFile& file) {
  constexpr const char* kSpellings = "further answers to an unrelated question";
  file.not_measured.clear();
  file.not_used.erase(kSpellings);
  for (const EditRecord& edit : file.records) {
    if (edit.rephrasings.empty())
      ++file.not_measured[edit.lost_rephrasings ? "no rephrasing that can be used"
                                                : "no rephrasing"];
    if (edit.unrelated.empty())
      ++file.not_measured[edit.lost_unrelated ? "no locality prompt that can be used"
                                              : "no locality prompt"];
    const bool spelt = std::any_of(edit.unrelated.begin(), edit.unrelated.end(),
                                   [](const EditQuestion& q) { return q.answers.size() > 1; });
    if (spelt) ++file.not_used[kSpellings];
  }
}

/// Why a record teaches nothing, or what cannot be asked; empty: it teaches.
std::string why_bad(const EditRecord& edit) {
  if (edit.target_new.empty()) return "no new answer";
  if (edit.target_old == edit.target_new) return "the new answer equals the old one";
  const std::vector<std::string> wanted = accepted(edit.target_new, edit.new_aliases),
                                 old = accepted(edit.target_old, edit.old_aliases);
  for (const auto& [name, answers] : {std::pair{"new", &wanted}, {"old", &old}}) {
    const std::string broken = line_break_in(*answers);
    if (!broken.empty()) return fmt::format("the {} answer {}", name, broken);
  }
  for (const std::string& answer : wanted) {
    if (std::find(old.begin(), old.end(), answer) != old.end())
      return fmt::format("an old answer is right as a new one, too: {}", excerpt(answer));
  }
  return {};
}

class Reader {
 public:
  Reader(const std::filesystem::path& path, const EditSettings& settings)
      : path_(path), settings_(settings), is_table_(names_table(path)) {
    for (const EditForm& form : all_edit_forms()) {
      if (settings.form == form.name) form_ = &form;
    }
    if (form_ == nullptr && settings.form != "auto")
      throw InputError(fmt::format("'{}' is no form of edits. There are: auto, {}.", settings.form,
                                   fmt::join(edit_forms(), ", ")));
    std::map<std::string, std::string> names;
    for (const auto& [name, column] : settings.columns) {
      const auto [other, is_new] = names.emplace(column, name);
      if (!is_new)
        throw InputError(fmt::format("data.{} and data.{} both name '{}': a column is one of them.",
                                     other->second, name, column));
    }
  }

  EditFile read() {
    const auto is_record = [&](const json& value) {
      json copy = value;
      prepare(copy);
      return edit_form_of(copy) != nullptr;
    };
    for_each_data_record(path_, is_record, [&](DataRecord record) {
      prepare(record.value);
      if (form_ != nullptr) return add(record);
      first_.push_back(std::move(record));
      if (first_.size() == kFirst) choose();
    });
    if (form_ == nullptr && !first_.empty()) choose();
    const std::string found = find_file(path_).string();
    check_columns(found);
    if (file_.records.empty()) throw InputError(nothing_left(found));
    check_bad_records(file_.bad, found, file_.read, settings_.bad_records);
    for (const auto& [name, column] : settings_.columns) {
      if (named_.count(name) == 0)
        throw InputError(fmt::format("{}: no record has '{}', which data.{} names.", found, column,
                                     name));
    }
    note_repeated();
    note_lacks(file_);
    return std::move(file_);
  }

 private:
  static constexpr std::size_t kFirst = 100;  // records that tell the form

  void prepare(json& record) {
    compose(record);
    if (!record.is_object()) return;
    // All are taken before one is put: a file may call one thing what another is called here.
    std::map<std::string, json> renamed;
    for (const auto& [name, column] : settings_.columns) {
      const auto found = record.find(column);
      if (found == record.end()) continue;
      named_.insert(name);
      renamed.emplace(name, std::move(*found));
    }
    for (const auto& [name, column] : settings_.columns) {
      record.erase(column);
      record.erase(name);
    }
    for (auto& [name, value] : renamed) record[name] = std::move(value);
    if (is_table_) unpack_cells(record, settings_.separator);
  }

  /// The form of most; where they are equally many, the one tried first.
  void choose() {
    std::map<const EditForm*, std::size_t> votes;
    for (const DataRecord& record : first_) {
      const EditForm* form = edit_form_of(record.value);
      if (form != nullptr) ++votes[form];
    }
    std::size_t most = 0;
    for (const EditForm& form : all_edit_forms()) {
      if (votes[&form] <= most) continue;
      most = votes[&form];
      form_ = &form;
    }
    if (form_ == nullptr) refuse();
    for (const DataRecord& record : std::exchange(first_, {})) add(record);
  }

  [[noreturn]] void refuse() const {
    const DataRecord& first = first_.front();
    if (!first.fault.empty()) throw RecordError(first.where, first.fault);
    if (!first.value.is_object())
      throw RecordError(first.where, fmt::format("the record is no object but {}",
                                                 excerpt(first.value.dump())));
    std::vector<std::string> keys;  // as the file calls them
    for (const auto& item : first.value.items()) {
      const auto renamed = settings_.columns.find(item.key());
      keys.push_back(excerpt(renamed == settings_.columns.end() ? item.key() : renamed->second));
    }
    std::string absent, known;
    for (const auto& [name, column] : settings_.columns) {
      if (named_.count(name) == 0)
        absent += fmt::format("There is no '{}', which data.{} names. ", column, name);
    }
    for (const EditForm& form : all_edit_forms())
      known += fmt::format("\n  {}: {}", form.name, form.keys);
    throw InputError(fmt::format(
        "{}: the record has the keys of no known form of edits: {}.{} {}Say which is what "
        "(data.prompt, data.target_new and so on), or rename them. The forms are:{}",
        first.where, fmt::join(keys, ", "), edit_hint(first.value), absent, known));
  }

  void add(const DataRecord& record) {
    const std::int64_t row = file_.read++;
    file_.form = form_->name;
    try {
      if (!record.fault.empty()) throw RecordError(record.where, record.fault);
      if (!record.value.is_object())
        throw RecordError(record.where, fmt::format("the record is no object: {}",
                                                    excerpt(record.value.dump())));
      const bool nested = record.value.contains("requested_rewrite");
      if (!form_->fits(record.value) && (nested || needs_rewrite()))
        throw RecordError(record.where,
                          fmt::format("the record is not of the form '{}' ({}), in which the file "
                                      "is read",
                                      form_->name, form_->keys));
      std::vector<EditRecord> edits;
      EditNotes notes;
      form_->read({record.value, record.where, settings_.columns, notes}, edits);
      for (const std::string& key : notes.not_used) ++file_.not_used[key];
      for (const std::string& why : notes.questions) file_.questions.add(why, record.where);
      for (EditRecord& edit : edits) {
        edit.row = row;
        edit.where = record.where;
        keep(std::move(edit));
      }
    } catch (const RecordError& error) {
      file_.bad.add(error.why, error.where);
    }
  }

  /// What a rewrite inside of a record holds has the names of its form.
  void check_columns(const std::string& found) const {
    if (form_ == nullptr || !needs_rewrite()) return;
    for (const char* name : {"prompt", "subject", "target_new", "target_old"}) {
      const auto column = settings_.columns.find(name);
      if (column != settings_.columns.end())
        throw InputError(fmt::format(
            "{}: data.{} names '{}', but records of the form '{}' have it in 'requested_rewrite', "
            "where keys have the form's own names. Leave data.{} out.",
            found, name, column->second, form_->name, name));
    }
  }

  bool needs_rewrite() const {
    return form_->name == std::string_view("mquake") ||
           form_->name == std::string_view("counterfact");
  }

  void keep(EditRecord edit) {
    const std::string why = why_bad(edit);
    if (!why.empty()) return file_.bad.add(why, edit.where);
    const auto asks_again = [&](const std::string& text) { return text == edit.prompt; };
    const std::size_t again = std::erase_if(edit.rephrasings, asks_again);
    for (std::size_t i = 0; i < again; ++i)
      file_.questions.add("a rephrasing is the prompt itself", edit.where);
    edit.lost_rephrasings = again > 0 && edit.rephrasings.empty();
    file_.records.push_back(std::move(edit));
  }

  void note_repeated() {
    std::unordered_map<std::string, std::vector<std::size_t>> alike;
    for (std::size_t i = 0; i < file_.records.size(); ++i)
      alike[file_.records[i].prompt].push_back(i);
    std::vector<const char*> why(file_.records.size(), nullptr);
    for (const auto& [prompt, places] : alike) {
      std::set<std::string> answers;
      for (const std::size_t i : places) answers.insert(file_.records[i].target_new);
      for (std::size_t k = 0; k < places.size(); ++k) {
        if (answers.size() > 1)
          why[places[k]] = "the prompt is that of another record, the new answer is not";
        if (answers.size() == 1 && k > 0)
          why[places[k]] = "prompt and new answer are those of an earlier record";
      }
    }
    const bool drop = settings_.repeated == RepeatedEdits::drop;
    std::vector<EditRecord> kept;
    for (std::size_t i = 0; i < why.size(); ++i) {
      if (why[i] != nullptr)
        (drop ? file_.left_out : file_.repeated).add(why[i], file_.records[i].where);
      if (why[i] == nullptr || !drop) kept.push_back(std::move(file_.records[i]));
    }
    file_.records = std::move(kept);
    if (file_.records.empty()) throw InputError(nothing_left(find_file(path_).string()));
  }

  std::string nothing_left(const std::string& found) const {
    const std::string bad = file_.bad.told(), left_out = file_.left_out.told();
    const std::string why = bad + (bad.empty() || left_out.empty() ? "" : ", ") + left_out;
    return fmt::format(
        "{}: none of its {} records can be used{}{}. An edit needs a prompt and a new answer that "
        "is not the old one.",
        found, file_.read, why.empty() ? "" : ": ", why);
  }

  const std::filesystem::path path_;
  const EditSettings& settings_;
  const bool is_table_;
  const EditForm* form_ = nullptr;
  std::vector<DataRecord> first_;
  std::set<std::string> named_;  // columns that were found
  EditFile file_;
};

}  // namespace

std::vector<std::string> accepted(const std::string& first,
                                  const std::vector<std::string>& others) {
  std::vector<std::string> all;
  if (!first.empty()) all.push_back(first);
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

std::vector<std::string> edit_forms() {
  std::vector<std::string> names;
  for (const EditForm& form : all_edit_forms()) names.emplace_back(form.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> edit_columns() {
  return {std::begin(kColumns), std::end(kColumns)};
}

EditFile read_edits(const std::filesystem::path& path, const EditSettings& settings) {
  return Reader(path, settings).read();
}

RecordCounts leave_out_edited(std::span<EditRecord> records) {
  std::unordered_set<std::string_view> edited;
  for (const EditRecord& record : records) edited.insert(record.prompt);
  RecordCounts counts;
  for (EditRecord& record : records) {
    const bool had = !record.unrelated.empty();
    std::erase_if(record.unrelated, [&](const EditQuestion& question) {
      const bool is_edited = edited.count(question.prompt) != 0;
      if (is_edited)
        counts.add(
            fmt::format("a locality prompt is the prompt of an edit: {}", excerpt(question.prompt)),
            record.where);
      return is_edited;
    });
    record.lost_unrelated = record.lost_unrelated || (had && record.unrelated.empty());
  }
  return counts;
}

std::size_t place_of_subject(const EditRecord& record) {
  const std::string_view prompt = record.prompt, subject = record.subject;
  if (subject.empty()) return std::string::npos;
  for (std::size_t at = prompt.rfind(subject); at != prompt.npos;
       at = prompt.rfind(subject, at - 1)) {
    const std::size_t end = at + subject.size();
    if (!inside_word(prompt, at) && !inside_word(prompt, end)) return at;
    if (at == 0) break;
  }
  return std::string::npos;
}

void leave_out(EditFile& file, const std::function<std::string(const EditRecord&)>& reason) {
  std::erase_if(file.records, [&](const EditRecord& record) {
    const std::string why = reason(record);
    if (!why.empty()) file.left_out.add(why, record.where);
    return !why.empty();
  });
  note_lacks(file);
}

}  // namespace factsweep
