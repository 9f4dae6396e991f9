#include "factsweep/data/entity_questions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "question_file.hpp"
#include "select_questions.hpp"
#include "subject.hpp"

namespace factsweep {
namespace fs = std::filesystem;
namespace {

constexpr std::array kSplits = {Split::train, Split::dev, Split::test};
constexpr std::string_view kTemplateFile = "relation_query_templates.json";
constexpr std::string_view kExposureFile = "exposures.json";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored) || fs::exists(path.string() + ".gz", ignored);
}

/// An optional JSON object beside the splits; an empty object when the file is not there.
nlohmann::json read_optional(const fs::path& path) {
  if (!is_there(path)) return nlohmann::json::object();
  nlohmann::json content = read_json(path);
  if (!content.is_object())
    throw InputError(fmt::format("{}: is not a JSON object by relation.", path.string()));
  return content;
}

/// Reads what a directory says of its relations: records with their subjects, and exposures.
class Directory {
 public:
  explicit Directory(fs::path path)
      : path_(std::move(path)),
        templates_(read_optional(path_ / kTemplateFile)),
        exposures_(read_optional(path_ / kExposureFile)) {}

  RecordsOfSplit records(const std::string& relation, std::span<const Split> splits) const {
    RecordsOfSplit result;
    for (const Split split : splits) {
      for (QuestionRecord& record : read_question_file(question_path(path_, split, relation)))
        result[split].push_back({std::move(record.question), std::move(record.answers), ""});
      result[split];  // also where the file is empty
    }
    return result;
  }

  /// The relation's template from the file, else what its questions share.
  Template template_of(const std::string& relation, const RecordsOfSplit& records) const {
    const auto given = templates_.find(relation);
    if (given == templates_.end()) {
      std::vector<std::string> questions;
      for (const auto& [split, some] : records) {
        for (const SourceRecord& record : some) questions.push_back(record.question);
      }
      return Template::common(questions);
    }
    const std::string where = (path_ / kTemplateFile).string();
    if (!given->is_string())
      throw InputError(fmt::format("{}: '{}' is not a text.", where, relation));
    return Template::of(given->get_ref<const std::string&>(), where);
  }

  std::string subject(const Template& form, const std::string& question,
                      const std::string& relation, Split split) const {
    if (form.fits(question)) return form.subject(question);
    throw InputError(fmt::format(
        "{}: '{}' does not fit its template '{}[X]{}' in {}. Correct the template, or remove "
        "it there: subjects are then what the relation's questions do not share.",
        question_path(path_, split, relation).string(), question, form.before, form.after,
        kTemplateFile));
  }

  std::int32_t exposures(const std::string& relation, const std::string& subject) const {
    const auto of_relation = exposures_.find(relation);
    if (of_relation == exposures_.end()) return -1;
    const auto count = of_relation->find(subject);  // end() also when it is no object
    if (count == of_relation->end()) return -1;
    const bool valid = count->is_number_integer() && count->get<std::int64_t>() >= 0 &&
                       count->get<std::int64_t>() <= std::numeric_limits<std::int32_t>::max();
    if (!valid) {
      throw InputError(fmt::format("{}: {} / '{}' = {} is not a count.",
                                   (path_ / kExposureFile).string(), relation, subject,
                                   count->dump()));
    }
    return count->get<std::int32_t>();
  }

  /// The splits that tell a relation's subjects: the test split where a template does, else all
  /// that are there, as the questions of one split alone may share more words.
  std::vector<Split> splits_for_test_subjects(const std::string& relation) const {
    if (templates_.contains(relation)) return {Split::test};
    std::vector<Split> found;
    for (const Split split : kSplits) {
      if (is_there(question_path(path_, split, relation))) found.push_back(split);
    }
    return found;
  }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  nlohmann::json templates_;
  nlohmann::json exposures_;
};

TestEntities test_entities(const Directory& directory) {
  TestEntities found;
  for (const std::string& relation : relations_of(directory.path(), Split::test)) {
    RecordsOfSplit records =
        directory.records(relation, directory.splits_for_test_subjects(relation));
    const Template form = directory.template_of(relation, records);
    for (SourceRecord& record : records.at(Split::test))
      record.subject = directory.subject(form, record.question, relation, Split::test);
    found.add(records.at(Split::test));
  }
  return found;
}

void check_relations(const fs::path& directory, const std::vector<std::string>& relations) {
  const std::vector<std::string> known = list_relations(directory);
  std::set<std::string> seen;
  for (const std::string& relation : relations) {
    if (!std::binary_search(known.begin(), known.end(), relation)) {
      throw InputError(fmt::format("{}: no relation '{}'. It has: {}.", directory.string(),
                                   relation, fmt::join(known, ", ")));
    }
    if (!seen.insert(relation).second) {
      throw InputError(
          fmt::format("{}: relation '{}' is asked for twice.", directory.string(), relation));
    }
  }
}

}  // namespace

std::vector<std::string> list_relations(const fs::path& directory) {
  return relations_of(directory, Split::train);
}

EntityQuestions read_entity_questions(const fs::path& path,
                                      const std::vector<std::string>& relations,
                                      OverlapFilter overlap, RepeatedQuestions repeated) {
  check_relations(path, relations);
  const Directory directory(path);
  const TestEntities test =
      overlap == OverlapFilter::none ? TestEntities{} : test_entities(directory);
  EntityQuestions result;
  for (const std::string& relation : relations) {
    RecordsOfSplit records = directory.records(relation, kSplits);
    const Template form = directory.template_of(relation, records);
    for (auto& [split, some] : records) {
      for (SourceRecord& record : some) {
        record.subject = directory.subject(form, record.question, relation, split);
        record.exposures = directory.exposures(relation, record.subject);
      }
    }
    select_questions(relation, records, test, overlap, repeated, result);
  }
  return result;
}

}  // namespace factsweep
