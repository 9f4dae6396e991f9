#include "factsweep/data/edits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "edit_forms.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/records.hpp"

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

const EditForm* form_of(const json& record) {
  if (!record.is_object()) return nullptr;
  for (const EditForm& form : all_edit_forms()) {
    if (form.fits(record)) return &form;
  }
  return nullptr;
}

/// What is not measured of the records that are used, or used in part.
void note_lacks(EditFile& file) {
  constexpr const char* kSpellings = "further answers to an unrelated question";
  file.not_measured.clear();
  file.not_used.erase(kSpellings);
  for (const EditRecord& edit : file.records) {
    if (edit.rephrasings.empty()) ++file.not_measured["no rephrasing"];
    if (edit.unrelated.empty()) ++file.not_measured["no locality prompt"];
    const bool spelt = std::any_of(edit.unrelated.begin(), edit.unrelated.end(),
                                   [](const EditQuestion& q) { return q.answers.size() > 1; });
    if (spelt) ++file.not_used[kSpellings];
  }
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
  }

  EditFile read() {
    const auto is_record = [&](const json& value) {
      json copy = value;
      prepare(copy);
      return form_of(copy) != nullptr;
    };
    for_each_data_record(path_, is_record, [&](DataRecord record) {
      prepare(record.value);
      if (form_ != nullptr) return add(record);
      first_.push_back(std::move(record));
      if (first_.size() == kFirst) choose();
    });
    if (form_ == nullptr && !first_.empty()) choose();
    const std::string found = find_file(path_).string();
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
    for (const auto& [name, column] : settings_.columns) {
      const auto found = record.find(column);
      if (found != record.end()) named_.insert(name);
      if (found == record.end() || name == column) continue;
      json value = std::move(*found);
      record.erase(column);
      record[name] = std::move(value);
    }
    if (is_table_) unpack_cells(record, settings_.separator);
  }

  /// The form of most; where they are equally many, the one tried first.
  void choose() {
    std::map<const EditForm*, std::size_t> votes;
    for (const DataRecord& record : first_) {
      const EditForm* form = form_of(record.value);
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
        "{}: the record has the keys of no known form of edits: {}. {}Say which is what "
        "(data.prompt, data.target_new and so on), or rename them. The forms are:{}",
        first.where, fmt::join(keys, ", "), absent, known));
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
                          fmt::format("the record is not of the form '{}' ({}), which most are",
                                      form_->name, form_->keys));
      std::vector<EditRecord> edits;
      form_->read({record.value, record.where, file_.not_used}, edits);
      for (EditRecord& edit : edits) {
        edit.row = row;
        edit.where = record.where;
        keep(std::move(edit));
      }
    } catch (const RecordError& error) {
      file_.bad.add(error.why, error.where);
    }
  }

  bool needs_rewrite() const {
    return form_->name == std::string_view("mquake") ||
           form_->name == std::string_view("counterfact");
  }

  void keep(EditRecord edit) {
    const char* why = edit.target_new.empty()             ? "no new answer"
                      : edit.target_old == edit.target_new ? "the new answer equals the old one"
                                                          : nullptr;
    if (why != nullptr) return file_.left_out.add(why, edit.where);
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
          why[places[k]] = "another record has their prompt and another new answer";
        if (answers.size() == 1 && k > 0)
          why[places[k]] = "an earlier record has their prompt and new answer";
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

void leave_out(EditFile& file, const std::function<std::string(const EditRecord&)>& reason) {
  std::erase_if(file.records, [&](const EditRecord& record) {
    const std::string why = reason(record);
    if (!why.empty()) file.left_out.add(why, record.where);
    return !why.empty();
  });
  note_lacks(file);
}

}  // namespace factsweep
