// EntityQuestions: what is read and dropped, where subjects come from, and messages for files that
// are wrong.
#include "factsweep/data/entity_questions.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "real_data.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

/// An EntityQuestions directory of one's own, gone at the end of the test.
class Fixture {
 public:
  Fixture()
      : path_(fs::temp_directory_path() / ("factsweep_questions_" + std::to_string(::getpid()))) {
    for (const char* split : {"train", "dev", "test"}) fs::create_directories(path_ / split);
  }
  ~Fixture() { fs::remove_all(path_); }

  void write(const std::string& name, const std::string& content) const {
    write_file(path_ / name, content);
  }

  /// One line a record: {"question", answers...}.
  void write(const std::string& relation, const std::string& split,
             const std::vector<std::vector<std::string>>& records) const {
    auto content = nlohmann::json::array();
    for (const auto& record : records) {
      content.push_back({{"question", record.at(0)},
                         {"answers", std::vector<std::string>(record.begin() + 1, record.end())}});
    }
    write(split + "/" + relation + "." + split + ".json", content.dump(1));
  }

  const fs::path& path() const { return path_; }
  EntityQuestions read(const std::vector<std::string>& relations,
                       OverlapFilter filter = OverlapFilter::none,
                       RepeatedQuestions repeated = RepeatedQuestions::keep) const {
    return read_entity_questions(path_, relations, filter, repeated);
  }
  std::string message(const std::vector<std::string>& relations) const {
    try {
      read(relations);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }

 private:
  fs::path path_;
};

std::vector<std::string> subjects(const EntityQuestions& all, Split split) {
  std::vector<std::string> found;
  for (const Question& question : all.questions) {
    if (question.split == split) found.push_back(question.subject);
  }
  return found;
}

void write_births(const Fixture& files) {
  files.write("P19", "train",
              {{"Where was Bern Otto born?", "Bonn"},
               {"Where was Berta born?", "Oslo", "Bergen"},
               {"Where was Test Person born?", "Rome"},
               {"Where was Nairobi born?", "Kenya"}});
  files.write("P19", "dev", {{"Where was Dora born?", "Berlin"}});
  files.write("P19", "test",
              {{"Where was Emil born?", "Paris"}, {"Where was Fritz born?", "Nairobi", "Mombasa"}});
}

void write_spouses(const Fixture& files) {
  files.write("P26", "train", {{"Who is Gil married to?", "Emil"}});
  files.write("P26", "dev", {{"Who is Ida married to?", "Jo"}});
  files.write("P26", "test",
              {{"Who is Test Person married to?", "Kim"}, {"Who is Lou married to?", "Gil"}});
}

}  // namespace

TEST_CASE("questions come in file order with split, answer and subject", "[data]") {
  const Fixture files;
  write_births(files);
  const EntityQuestions all = files.read({"P19"});
  REQUIRE(all.questions.size() == 5);
  CHECK(all.dropped_multi_answer == 2);
  CHECK(all.dropped_overlap == 0);
  CHECK(all.questions[0].relation == "P19");
  CHECK(all.questions[0].split == Split::train);
  CHECK(all.questions[0].question == "Where was Bern Otto born?");
  CHECK(all.questions[0].answer == "Bonn");
  CHECK(all.questions[0].exposures == -1);
  CHECK(subjects(all, Split::train) ==
        std::vector<std::string>{"Bern Otto", "Test Person", "Nairobi"});
  CHECK(subjects(all, Split::dev) == std::vector<std::string>{"Dora"});
  CHECK(subjects(all, Split::test) == std::vector<std::string>{"Emil"});
  CHECK(name(Split::train) == "train");
  CHECK(name(Split::dev) == "dev");
  CHECK(name(Split::test) == "test");
  CHECK(list_relations(files.path()) == std::vector<std::string>{"P19"});
}

TEST_CASE("the overlap filters look at all tests of the directory", "[data]") {
  const Fixture files;
  write_births(files);
  write_spouses(files);
  const EntityQuestions by_subject = files.read({"P19"}, OverlapFilter::subject);
  CHECK(by_subject.dropped_overlap == 1);
  CHECK(subjects(by_subject, Split::train) == std::vector<std::string>{"Bern Otto", "Nairobi"});
  const EntityQuestions by_entity = files.read({"P26", "P19"}, OverlapFilter::entity);
  CHECK(by_entity.dropped_overlap == 3);  // Test Person, Nairobi, Gil
  CHECK(subjects(by_entity, Split::train) == std::vector<std::string>{"Bern Otto"});
  CHECK(by_entity.questions.front().relation == "P26");
}

TEST_CASE("questions with different answers in several records are kept or dropped", "[data]") {
  const Fixture files;
  files.write("P112", "train",
              {{"Who founded Trinity College?", "Thomas Pope"},
               {"Who founded Acme?", "Wile E."},
               {"Who founded Trinity College?", "John Strachan"},
               {"Who founded Acme?", "Wile E. "},
               {"Who founded Dual?", "Ann", "Bob"},
               {"Who founded Dual?", "Ann"},
               {"Who founded Across?", "Cy"},
               {"Who founded Both?", "Di"}});
  files.write("P112", "dev", {{"Who founded Across?", "Dee"}, {"Who founded Both?", "Di"}});
  files.write("P112", "test", {{"Who founded Tested?", "Eve"}});
  const auto flags = [](const EntityQuestions& all) {
    std::vector<bool> found;
    for (const Question& question : all.questions) found.push_back(question.ambiguous);
    return found;
  };
  const EntityQuestions kept = files.read({"P112"});
  CHECK(kept.questions.size() == 10);
  CHECK(kept.dropped_multi_answer == 1);
  CHECK(kept.dropped_ambiguous + kept.dropped_equal == 0);
  CHECK(flags(kept) == std::vector<bool>{true, false, true, false, true, true, false,  // train
                                         true, false, false});
  const EntityQuestions dropped =
      files.read({"P112"}, OverlapFilter::none, RepeatedQuestions::drop);
  CHECK(subjects(dropped, Split::train) == std::vector<std::string>{"Acme", "Both"});
  CHECK(subjects(dropped, Split::dev) == std::vector<std::string>{"Both"});
  CHECK(subjects(dropped, Split::test) == std::vector<std::string>{"Tested"});
  CHECK(dropped.dropped_multi_answer == 1);
  CHECK(dropped.dropped_ambiguous == 5);  // Trinity College twice, Dual, Across twice
  CHECK(dropped.dropped_equal == 1);
  CHECK(flags(dropped) == std::vector<bool>(4, false));
}

TEST_CASE("merged, a question has the answers of all its records", "[data]") {
  const Fixture files;
  files.write("P112", "train",
              {{"Who founded Trinity College?", "Thomas Pope"},
               {"Who founded Acme?", "Wile E."},
               {"Who founded Trinity College?", "John Strachan", "Thomas Pope "},
               {"Who founded Acme?", "Wile E. "},
               {"Who founded Dual?", "Ann", "ann", "\u00c1nn", "Ann B", "Ann"},
               {"Who founded Across?", "Cy"},
               {"Who founded Tested?", "Eve"}});
  files.write("P112", "dev", {{"Who founded Across?", "Dee"}});
  files.write("P112", "test",
              {{"Who founded Tested?", "Eve"}, {"Who founded Trinity College?", "Henry VIII"}});
  const EntityQuestions all = files.read({"P112"}, OverlapFilter::none, RepeatedQuestions::merge);
  using Texts = std::vector<std::string>;
  std::vector<Texts> accepted;
  std::vector<bool> flags;
  for (const Question& question : all.questions) {
    accepted.push_back(accepted_answers(question));
    flags.push_back(question.ambiguous);
  }
  CHECK(accepted == std::vector<Texts>{{"Thomas Pope", "John Strachan", "Henry VIII"},
                                       {"Wile E."},
                                       {"Ann", "ann", "\u00c1nn", "Ann B"},
                                       {"Cy", "Dee"},
                                       {"Eve"},
                                       {"Dee", "Cy"},
                                       {"Eve"},
                                       {"Henry VIII", "Thomas Pope", "John Strachan"}});
  CHECK(flags == std::vector<bool>(8));  // no answer of another record is wrong
  CHECK(subjects(all, Split::train) ==
        std::vector<std::string>{"Trinity College", "Acme", "Dual", "Across", "Tested"});
  CHECK(all.merged == 2);
  CHECK(all.dropped_multi_answer + all.dropped_ambiguous + all.dropped_equal == 0);
  const EntityQuestions apart =
      files.read({"P112"}, OverlapFilter::subject, RepeatedQuestions::merge);
  CHECK(apart.dropped_overlap == 3);  // both records of Trinity College, Tested
  CHECK(apart.merged == 1);
  CHECK(apart.questions.size() + 4 == 10);
}

TEST_CASE("answers that are alike are one answer", "[data]") {
  const Fixture files;
  write_births(files);
  files.write("P19", "train", {{"Where was Ann born?", "Bonn", "Bonn", " Bonn"}});
  const EntityQuestions all = files.read({"P19"});
  REQUIRE(all.questions.size() == 3);
  CHECK(all.questions.front().answer == "Bonn");
  CHECK_FALSE(all.questions.front().ambiguous);
  CHECK(all.dropped_multi_answer == 1);  // of the test split
}

TEST_CASE("subjects follow the templates where there are any", "[data]") {
  const Fixture files;
  files.write("P1", "train",
              {{"Who is X of Rome's child?", "a"}, {"Who is Y of Rome's child?", "b"}});
  files.write("P1", "dev", {{"Who is Z of Rome's child?", "a"}});
  files.write("P1", "test", {{"Who is W of Rome's child?", "a"}});
  CHECK(subjects(files.read({"P1"}), Split::train) == std::vector<std::string>{"X", "Y"});
  files.write("relation_query_templates.json", R"({"P1": "Who is [X]'s child?"})");
  CHECK(subjects(files.read({"P1"}), Split::train) ==
        std::vector<std::string>{"X of Rome", "Y of Rome"});
  files.write("relation_query_templates.json", R"({"P1": "Who was [X]'s child?"})");
  CHECK(files.message({"P1"}).find("'Who is X of Rome's child?' does not fit its template") !=
        std::string::npos);
  files.write("relation_query_templates.json", R"({"P1": "Who is it?"})");
  CHECK(files.message({"P1"}).find("must hold [X] once") != std::string::npos);
}

TEST_CASE("questions that share everything are their own subject", "[data]") {
  const Fixture files;
  for (const char* split : {"train", "dev", "test"})
    files.write("P1", split, {{"Who is it?", "me"}});
  CHECK(subjects(files.read({"P1"}), Split::dev) == std::vector<std::string>{"Who is it?"});
}

TEST_CASE("exposures are read where a file gives them", "[data]") {
  const Fixture files;
  write_births(files);
  files.write("exposures.json", R"({"P19": {"Bern Otto": 12, "Dora": 0}})");
  std::map<std::string, std::int32_t> exposures;
  for (const Question& question : files.read({"P19"}).questions)
    exposures[question.subject] = question.exposures;
  CHECK(exposures.at("Bern Otto") == 12);
  CHECK(exposures.at("Dora") == 0);
  CHECK(exposures.at("Emil") == -1);
  files.write("exposures.json", R"({"P19": {"Dora": "often"}})");
  CHECK(files.message({"P19"}).find("P19 / 'Dora' = \"often\" is not a count") !=
        std::string::npos);
}

TEST_CASE("a wrong file is named with line and record", "[data]") {
  const Fixture files;
  write_births(files);
  const std::string train = (files.path() / "train/P19.train.json").string();
  const auto with_train = [&](const std::string& content) {
    files.write("train/P19.train.json", content);
    return files.message({"P19"});
  };
  CHECK(with_train("[\n{\"question\": \"a\",\n \"answers\" [\"b\"]}]")
            .starts_with(train + ":3: record 1 is not valid JSON: column 12: syntax error"));
  CHECK(with_train("[\n {\"question\": \"a, [b\",\n  \"answers\": [\"b\", \"c\"]},\n\n "
                   "{\"answers\": [\"b\"]}\n]") == train + ":5: record 2 has no 'question'.");
  CHECK(with_train("[{\"question\": \"a\"}]") == train + ":1: record 1 has no 'answers'.");
  CHECK(with_train("[{\"question\": \"a\", \"answers\": []}]") ==
        train + ":1: record 1 has no list of 'answers'.");
  CHECK(with_train("[{\"question\": \"a\", \"answers\": [3]}]") ==
        train + ":1: record 1 has an answer that is not a text.");
  CHECK(with_train("[{\"question\": \" \", \"answers\": [\"b\"]}]") ==
        train + ":1: record 1 has a 'question' that is not a text.");
  CHECK(with_train("[{\"question\": \"a\", \"answers\": [\"b\\nc\"]}]") ==
        train + ":1: record 1 has an answer with a line break, where decoded answers end.");
  CHECK(with_train("[1]").starts_with(train + ":1: record 1 is not an object"));
  CHECK(with_train("{}") == train + ":1 has no 'question'.");
}

TEST_CASE("what is not there is named with what is", "[data]") {
  const Fixture files;
  write_births(files);
  write_spouses(files);
  CHECK(files.message({"P99"}) == files.path().string() + ": no relation 'P99'. It has: P19, P26.");
  CHECK(files.message({"P19", "P19"}) ==
        files.path().string() + ": relation 'P19' is asked for twice.");
  fs::remove(files.path() / "dev/P19.dev.json");
  CHECK(files.message({"P19"}).find("P19.dev.json: no such file") != std::string::npos);
  CHECK_THROWS_AS(list_relations(files.path() / "none"), InputError);
}

// SliCK's own counts (tables 3 to 5, appendix A of arXiv 2405.05904).
TEST_CASE("the real data gives the paper's counts", "[real]") {
  const fs::path directory = test::real_data("entityquestions");
  if (!test::is_here(directory)) return;
  const std::map<std::string, std::pair<int, int>> id = {
      // relation -> train, test
      {"P131", {7646, 965}}, {"P136", {7516, 967}}, {"P17", {7890, 996}},  {"P19", {7921, 999}},
      {"P26", {7456, 951}},  {"P264", {7324, 958}}, {"P36", {6815, 880}},  {"P40", {6110, 801}},
      {"P495", {7674, 993}}, {"P69", {6721, 840}},  {"P740", {7271, 942}}, {"P800", {1356, 189}}};
  const std::map<std::string, int> ood = {{"P127", 990}, {"P50", 967},  {"P407", 623},
                                          {"P176", 972}, {"P170", 850}, {"P175", 980},
                                          {"P112", 466}};
  std::vector<std::string> relations;
  for (const auto& [relation, counts] : id) relations.push_back(relation);
  for (const auto& [relation, count] : ood) relations.push_back(relation);
  const EntityQuestions all = read_entity_questions(directory, relations, OverlapFilter::subject);

  std::map<std::pair<std::string, Split>, int> counted;
  for (const Question& question : all.questions) ++counted[{question.relation, question.split}];
  for (const auto& [relation, counts] : id) {
    INFO(relation);
    CHECK(counted[{relation, Split::test}] == counts.second);
    // The paper's tests of five more relations drop a few more people and places.
    CHECK(counted[{relation, Split::train}] >= counts.first);
    CHECK(counted[{relation, Split::train}] <= counts.first + 51);
  }
  for (const auto& [relation, count] : ood) {
    INFO(relation);
    CHECK(counted[{relation, Split::test}] == count);
  }
  // the 12 ID relations' train records whose question has another answer in its split or in another
  const std::set<std::string> in_distribution = [&] {
    std::set<std::string> names;
    for (const auto& [relation, counts] : id) names.insert(relation);
    return names;
  }();
  const auto of_train = [&](const EntityQuestions& some, bool ambiguous_only) {
    return std::count_if(some.questions.begin(), some.questions.end(), [&](const Question& q) {
      return q.split == Split::train && in_distribution.contains(q.relation) &&
             (q.ambiguous || !ambiguous_only);
    });
  };
  CHECK(of_train(all, false) == 81909);
  CHECK(of_train(all, true) == 985);
  const EntityQuestions fewer =
      read_entity_questions(directory, relations, OverlapFilter::subject, RepeatedQuestions::drop);
  CHECK(of_train(fewer, false) == 80824);
  const EntityQuestions merged =
      read_entity_questions(directory, relations, OverlapFilter::subject, RepeatedQuestions::merge);
  CHECK(of_train(merged, false) == 85949);
  CHECK(std::count_if(merged.questions.begin(), merged.questions.end(), [&](const Question& q) {
          return q.split == Split::train && in_distribution.contains(q.relation) &&
                 !q.aliases.empty();
        }) == 5125);
  CHECK(static_cast<std::int64_t>(merged.questions.size()) + merged.merged +
            merged.dropped_overlap ==
        static_cast<std::int64_t>(all.questions.size()) + all.dropped_multi_answer +
            all.dropped_overlap);

  const auto no_subject =
      std::count_if(all.questions.begin(), all.questions.end(), [](const Question& question) {
        return question.subject.empty() || question.subject == question.question;
      });
  CHECK(no_subject == 0);
}
