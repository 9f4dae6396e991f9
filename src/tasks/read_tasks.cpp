#include "factsweep/tasks/read_tasks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/utf8.hpp"
#include "factsweep/data/records.hpp"
#include "forms.hpp"

namespace factsweep {
namespace fs = std::filesystem;
using tasks::Form;
using tasks::Record;
namespace {

/// In the order in which records are tried: special forms before general ones.
std::vector<const Form*> all_forms() {
  std::vector<const Form*> forms;
  for (const auto& part : {tasks::truthfulqa_forms(), tasks::choice_forms(), tasks::number_forms(),
                           tasks::text_forms()}) {
    for (const Form& form : part) forms.push_back(&form);
  }
  return forms;
}

const Form& find_form(const std::string& name) {
  for (const Form* form : all_forms()) {
    if (form->name == name) return *form;
  }
  throw InputError(fmt::format("'{}' is no form of task files. There are: auto, {}.", name,
                               fmt::join(task_forms(), ", ")));
}

/// The first form that fits; nothing: none does.
const Form* recognise(const Record& record) {
  for (const Form* form : all_forms()) {
    try {
      if (form->fits(record)) return form;
    } catch (const RecordError&) {  // a key of it is no text
    }
  }
  return nullptr;
}

/// The file up to its first dot; "train.json", "valid.jsonl" like their folder.
std::string set_name(const fs::path& given) {
  const fs::path path = given.has_filename() ? given : given.parent_path();  // "MATH/test/"
  std::string name = path.filename().string();
  name.resize(std::min(name.find('.'), name.size()));
  const std::set<std::string> splits = {"train", "test",       "tests", "valid",
                                        "val",   "validation", "dev"};
  const std::string folder = fs::absolute(path).parent_path().filename().string();
  return splits.count(name) != 0 && !folder.empty() ? folder : name;
}

/// Fills sets while records come by.
class Reader {
 public:
  Reader(const fs::path& path, const ReadTasksSettings& settings)
      : path_(path), context_{.settings = settings, .set_name = set_name(path)} {
    if (settings.form != "auto") form_ = &find_form(settings.form);
    std::map<std::string, std::string> keys;  // by column
    for (const auto& [key, column] : settings.columns) {
      const auto [first, fresh] = keys.emplace(column, key);
      if (!fresh)
        throw InputError(
            fmt::format("{}: 'columns' names '{}' as '{}' and as '{}'. A column is one "
                        "of them.",
                        path_.string(), column, first->second, key));
    }
  }

  /// Of the file as it stands, to be filled while it is read.
  tasks::FileKeys& keys() { return keys_; }

  void add(const DataRecord& record) {
    if (form_ != nullptr) return take(record);
    first_.push_back(record);
    if (first_.size() == kFirst) choose();
  }

  std::vector<TaskSet> finish() {
    if (form_ == nullptr && !first_.empty()) choose();
    const std::string& wanted = context_.settings.part;
    if (context_.row == 0) throw InputError(fmt::format("{}: holds no record.", path_.string()));
    if (!context_.labels.empty() && context_.labels.size() != context_.row)
      throw InputError(fmt::format("{}: {} records, but {} labels.", path_.string(), context_.row,
                                   context_.labels.size()));
    const auto records = static_cast<std::int64_t>(context_.row);
    check_columns();
    check_first_answer();
    if (bad_.records() == records)
      throw InputError(fmt::format("{}: none of its {} records can be used: {}.", path_.string(),
                                   records, bad_.told()));
    check_bad_records(bad_, path_.string(), records, context_.settings.bad_records);
    check_named_keys();
    const bool has_options = form_->kind == TaskKind::letter || form_->kind == TaskKind::name ||
                             form_->kind == TaskKind::choice;
    if (context_.settings.letters && !has_options)
      throw InputError(fmt::format(
          "{}: 'letters' asks for the letter of an option, and files of the form '{}' have no "
          "options. Leave it out.",
          path_.string(), form_->name));
    if (sets_.empty() && parts_.empty())
      throw InputError(fmt::format("{}: files of the form '{}' have no parts; '{}' was asked for.",
                                   path_.string(), form_->name, wanted));
    if (sets_.empty())
      throw InputError(fmt::format("{}: no part '{}'. It has: {}.", path_.string(), wanted,
                                   fmt::join(parts_, ", ")));
    std::erase_if(sets_, [](const TaskSet& set) { return set.examples.empty(); });
    if (sets_.empty()) throw InputError(fmt::format("{}: {}.", path_.string(), why_empty()));
    for (TaskSet& set : sets_) {
      set.bad = bad_;
      set.form = form_->name;
      set.keys = told_keys();
    }
    return std::move(sets_);
  }

 private:
  static constexpr std::size_t kFirst = 100;  // records that tell the form

  /// The form of most; where they are equally many, the one tried first.
  void choose() {
    std::map<const Form*, std::size_t> votes;
    for (const DataRecord& record : first_) {
      if (record.fault.empty() && record.value.is_object())
        ++votes[recognise(Record(record.value, record.where))];
    }
    std::size_t most = 0;
    for (const Form* form : all_forms()) {
      if (votes[form] <= most) continue;
      most = votes[form];
      form_ = form;
    }
    if (form_ == nullptr) refuse();
    for (const DataRecord& record : std::exchange(first_, {})) take(record);
  }

  void check_columns() const {
    for (const auto& [key, column] : context_.settings.columns) {
      if (!keys_.named.contains(column))
        throw InputError(
            fmt::format("{}: no record has the column '{}', which is named as '{}'. There are: {}.",
                        path_.string(), column, key, fmt::join(keys_.all, ", ")));
    }
  }

  /// A form that does not know what the user has named is another one than was meant.
  void check_named_keys() const {
    for (const auto& [key, column] : context_.settings.columns) {
      if (!read_.contains(key) && !sets_.empty())
        throw InputError(fmt::format(
            "{}: '{}' is named as '{}', which is not read of the form '{}' ({}), in which the file "
            "is read. Leave it out, or say by \"form\" which is meant.",
            path_.string(), column, key, form_->name, form_->keys));
    }
  }

  /// The right option's index counts from 0; a file that counts from 1 would be read with the next
  /// option as the right one.
  void check_first_answer() const {
    if (from_one_.empty() || has_zero_) return;
    throw InputError(fmt::format(
        "{}: the answers are counted from 1: no 'answer' is 0, and some are the number of options "
        "({}). Here an index counts from 0: subtract 1 from each, or write letters.",
        path_.string(), from_one_));
  }

  /// "question ('frage' in the file), answer; not read: id"
  std::string told_keys() const {
    std::vector<std::string> read, others;
    std::set<std::string> columns;
    for (const std::string& key : read_) {
      const auto named = context_.settings.columns.find(key);
      const bool is_renamed = named != context_.settings.columns.end();
      columns.insert(is_renamed ? named->second : key);
      read.push_back(is_renamed && named->second != key
                         ? fmt::format("{} ('{}' in the file)", key, excerpt(named->second))
                         : key);
    }
    for (const std::string& key : keys_.all) {
      if (!columns.contains(key)) others.push_back(excerpt(key));
    }
    constexpr std::size_t kMost = 12;
    if (others.size() > kMost) {
      others.resize(kMost);
      others.emplace_back("...");
    }
    return fmt::format("{}{}{}", fmt::join(read, ", "),
                       others.empty() ? "" : "; not read: ", fmt::join(others, ", "));
  }

  [[noreturn]] void refuse() const {
    if (keys_.records > 0) check_columns();
    const DataRecord& first = first_.front();
    if (!first.fault.empty()) throw RecordError(first.where, first.fault);
    const Record record(first.value, first.where);
    std::vector<std::string> keys;
    for (const auto& item : first.value.items()) keys.push_back(excerpt(item.key()));
    std::string known;
    for (const Form* form : all_forms()) known += fmt::format("\n  {}: {}", form->name, form->keys);
    const bool is_table = names_table(path_);
    throw InputError(fmt::format(
        "{}: the {} the keys of no known form: {}. {}{}. The forms are:{}", first.where,
        is_table ? "table's first row has" : "record has", fmt::join(keys, ", "),
        is_table ? "It has to be the names of the columns. " : "",
        context_.settings.may_name_columns ? "Say with \"columns\" which is what, or rename them"
                                           : "Rename them",
        known));
  }

  void take(const DataRecord& data) {
    std::vector<TaskExample> found;
    std::string name;
    try {
      if (!data.fault.empty()) throw RecordError(data.where, data.fault);
      const Record record(data.value, data.where, &context_.settings.columns);
      if (!form_->fits(record))
        record.fail(fmt::format("is not of the form '{}' ({})", form_->name, form_->keys));
      if (context_.labels.empty() && form_->name == std::string_view("piqa") &&
          !record.has("label"))
        context_.labels = tasks::piqa_labels(path_);
      const std::string part = form_->part != nullptr ? form_->part(record) : std::string();
      if (!part.empty()) parts_.insert(part);
      const std::string& wanted = context_.settings.part;
      if (!wanted.empty() && part != wanted) {
        ++context_.row;
        return;
      }
      name = form_->part_is_set && !part.empty() ? part : context_.set_name;
      look_at_answer(record);
      form_->read(record, context_, found);
      read_.insert(record.read_keys().begin(), record.read_keys().end());
    } catch (const RecordError& error) {
      bad_.add(error.why, error.where);
      ++context_.row;
      return;
    }
    keep_wanted(found);
    TaskSet& set = find_set(name);
    set.left_out += found.empty() ? 1 : 0;
    for (TaskExample& example : found) {
      example.where = data.where;
      if (form_->has_turns) example.conversation = static_cast<std::int64_t>(context_.row);
      example.row = static_cast<std::int64_t>(set.examples.size()) + bad_.records();
      set.examples.push_back(std::move(example));
    }
    ++context_.row;
  }

  void look_at_answer(const Record& record) {
    if (form_->index_of == nullptr) return;
    const tasks::IndexedAnswer answer = form_->index_of(record);
    has_zero_ = has_zero_ || answer.index == 0;
    if (answer.index > 0 && answer.index == answer.options && from_one_.empty())
      from_one_ = record.where();
  }

  /// Keeps the examples that have the number of options asked for.
  void keep_wanted(std::vector<TaskExample>& examples) const {
    const auto options = static_cast<std::size_t>(context_.settings.options);
    if (options == 0) return;
    std::erase_if(examples,
                  [&](const TaskExample& example) { return example.options.size() != options; });
  }

  std::string why_empty() const {
    const std::int64_t options = context_.settings.options;
    if (options > 0) return fmt::format("no record has {} options", options);
    return fmt::format("no record of '{}' teaches anything: all outputs are empty",
                       context_.settings.part);
  }

  TaskSet& find_set(const std::string& name) {
    const auto [place, is_new] = index_.try_emplace(name, sets_.size());
    if (is_new) {
      const bool letters = context_.settings.letters && form_->kind == TaskKind::name;
      sets_.push_back({.name = name, .kind = letters ? TaskKind::letter : form_->kind});
    }
    return sets_[place->second];
  }

  const fs::path& path_;
  tasks::FormContext context_;
  const Form* form_ = nullptr;
  std::vector<TaskSet> sets_;
  std::map<std::string, std::size_t> index_;
  std::set<std::string> parts_, read_;
  tasks::FileKeys keys_;
  bool has_zero_ = false;  // an index of the right option
  std::string from_one_;   // where one is the number of options
  std::vector<DataRecord> first_;
  RecordCounts bad_;
};

}  // namespace

std::vector<std::string> task_forms() {
  std::vector<std::string> names;
  for (const Form* form : all_forms()) names.emplace_back(form->name);
  return names;
}

std::vector<TaskSet> read_task_sets(const fs::path& path, const ReadTasksSettings& settings) {
  Reader reader(path, settings);
  const tasks::RecordFile file{
      .is_mmlu = settings.form == "mmlu",
      .columns = settings.columns,
      .is_record = [](const Record& record) { return recognise(record) != nullptr; },
      .keys = reader.keys()};
  tasks::for_each_record(path, file, [&](const DataRecord& record) { reader.add(record); });
  return reader.finish();
}

TaskSet read_task_set(const fs::path& path, const ReadTasksSettings& settings) {
  std::vector<TaskSet> sets = read_task_sets(path, settings);
  if (sets.size() > 1) {
    std::vector<std::string> names;
    for (const TaskSet& set : sets) names.push_back(set.name);
    throw InputError(fmt::format("{}: holds {} data sets; name one of: {}.", path.string(),
                                 sets.size(), fmt::join(names, ", ")));
  }
  return std::move(sets.front());
}

}  // namespace factsweep
