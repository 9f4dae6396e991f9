#include "factsweep/tasks/read_tasks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "factsweep/core/error.hpp"
#include "forms.hpp"

namespace factsweep {
namespace fs = std::filesystem;
using tasks::Form;
using tasks::Record;
namespace {

/// In the order in which records are tried: special forms before general ones.
std::vector<const Form*> all_forms() {
  std::vector<const Form*> forms;
  for (const auto& part : {tasks::choice_forms(), tasks::number_forms(), tasks::text_forms()}) {
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

const Form& recognise(const Record& record) {
  std::string known;
  for (const Form* form : all_forms()) {
    if (form->fits(record)) return *form;
    known += fmt::format("\n  {}: {}", form->name, form->keys);
  }
  record.fail("has the keys of no known form. They are:" + known);
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
  }

  void add(const Record& record) {
    if (form_ == nullptr) form_ = &recognise(record);
    if (!form_->fits(record))
      record.fail(fmt::format("is not of the form '{}' ({})", form_->name, form_->keys));
    if (context_.row == 0 && form_->name == std::string_view("piqa") && !record.has("label"))
      context_.labels = tasks::piqa_labels(path_);
    const std::string part = form_->part != nullptr ? form_->part(record) : std::string();
    if (!part.empty()) parts_.insert(part);
    const std::string& wanted = context_.settings.part;
    if (wanted.empty() || part == wanted) {
      TaskSet& set = find_set(form_->part_is_set && !part.empty() ? part : context_.set_name);
      const std::size_t before = set.examples.size();
      form_->read(record, context_, set.examples);
      for (std::size_t i = before; i < set.examples.size(); ++i)
        set.examples[i].where = record.where();
      keep_wanted(set.examples, before);
      set.left_out += set.examples.size() == before ? 1 : 0;
    }
    ++context_.row;
  }

  std::vector<TaskSet> finish() {
    const std::string& wanted = context_.settings.part;
    if (context_.row == 0) throw InputError(fmt::format("{}: holds no record.", path_.string()));
    if (!context_.labels.empty() && context_.labels.size() != context_.row)
      throw InputError(fmt::format("{}: {} records, but {} labels.", path_.string(), context_.row,
                                   context_.labels.size()));
    if (sets_.empty() && parts_.empty())
      throw InputError(fmt::format("{}: files of the form '{}' have no parts; '{}' was asked for.",
                                   path_.string(), form_->name, wanted));
    if (sets_.empty())
      throw InputError(fmt::format("{}: no part '{}'. It has: {}.", path_.string(), wanted,
                                   fmt::join(parts_, ", ")));
    std::erase_if(sets_, [](const TaskSet& set) { return set.examples.empty(); });
    if (sets_.empty()) throw InputError(fmt::format("{}: {}.", path_.string(), why_empty()));
    return std::move(sets_);
  }

 private:
  /// Keeps, from `first` on, the examples that have the number of options asked for.
  void keep_wanted(std::vector<TaskExample>& examples, std::size_t first) const {
    const auto options = static_cast<std::size_t>(context_.settings.options);
    if (options == 0) return;
    const auto others = std::remove_if(
        examples.begin() + static_cast<std::ptrdiff_t>(first), examples.end(),
        [&](const TaskExample& example) { return example.options.size() != options; });
    examples.erase(others, examples.end());
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
  std::set<std::string> parts_;
};

}  // namespace

std::vector<std::string> task_forms() {
  std::vector<std::string> names;
  for (const Form* form : all_forms()) names.emplace_back(form->name);
  return names;
}

std::vector<TaskSet> read_task_sets(const fs::path& path, const ReadTasksSettings& settings) {
  Reader reader(path, settings);
  tasks::for_each_record(path, [&](const Record& record) { reader.add(record); });
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
  std::int64_t row = 0;
  for (TaskExample& example : sets.front().examples) example.row = row++;
  return std::move(sets.front());
}

}  // namespace factsweep
