#include "select_questions.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "question_file.hpp"

namespace factsweep {
namespace {

/// The answers to each question of a relation. All records count: those of other splits, those with
/// several answers, and those that a filter drops.
class Answers {
 public:
  explicit Answers(const RecordsOfSplit& records) {
    for (const auto& [split, some] : records) {
      for (const SourceRecord& record : some) {
        std::vector<std::string_view>& answers = of_[record.question];
        for (const std::string& answer : record.answers) {
          const std::string_view plain = without_blanks(answer);
          if (std::find(answers.begin(), answers.end(), plain) == answers.end())
            answers.push_back(plain);
        }
      }
    }
  }

  bool differ(const std::string& question) const { return of_.at(question).size() > 1; }

  /// All but `answer`.
  std::vector<std::string> others(const std::string& question, const std::string& answer) const {
    std::vector<std::string> found;
    for (const std::string_view one : of_.at(question)) {
      if (one != without_blanks(answer)) found.emplace_back(one);
    }
    return found;
  }

 private:
  std::unordered_map<std::string_view, std::vector<std::string_view>> of_;  // texts of the records
};

bool overlaps(const std::string& subject, const TestEntities& test, OverlapFilter filter) {
  if (filter == OverlapFilter::none) return false;
  if (test.subjects.contains(subject)) return true;
  return filter == OverlapFilter::entity && test.answers.contains(subject);
}

}  // namespace

void TestEntities::add(const std::vector<SourceRecord>& test) {
  for (const SourceRecord& record : test) {
    subjects.insert(record.subject);
    answers.insert(record.answers.begin(), record.answers.end());
  }
}

void select_questions(const std::string& relation, const RecordsOfSplit& records,
                      const TestEntities& test, OverlapFilter overlap, RepeatedQuestions repeated,
                      EntityQuestions& result) {
  const bool merge = repeated == RepeatedQuestions::merge;
  const Answers answers(records);
  for (const auto& [split, some] : records) {
    std::unordered_set<std::string_view> seen;  // not of RepeatedQuestions::keep
    for (const SourceRecord& record : some) {
      const bool differ = answers.differ(record.question);
      if (record.answers.size() > 1 && !merge) {
        ++result.dropped_multi_answer;
      } else if (split == Split::train && overlaps(record.subject, test, overlap)) {
        ++result.dropped_overlap;
      } else if (repeated == RepeatedQuestions::drop && differ) {
        ++result.dropped_ambiguous;
      } else if (repeated != RepeatedQuestions::keep && !seen.insert(record.question).second) {
        ++(merge ? result.merged : result.dropped_equal);
      } else {
        result.questions.push_back({relation, split, record.question, record.answers.front(),
                                    record.subject, record.exposures, differ && !merge});
        if (merge)
          result.questions.back().aliases = answers.others(record.question, record.answers.front());
      }
    }
  }
}

}  // namespace factsweep
