// Counts of facts in a corpus, joined to questions.
#include "factsweep/data/exposures.hpp"

#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

using namespace factsweep;

namespace {

/// A file of counts that is there while its reader is.
Exposures read_counts(const std::string& name, const std::string& content) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("factsweep_" + std::to_string(::getpid()) + "_" + name);
  struct Removed {
    const std::filesystem::path& file;
    ~Removed() { std::filesystem::remove(file); }
  } const removed{path};
  write_file(path, content);
  return Exposures::read(path);
}

Question asked(const std::string& relation, const std::string& question, const std::string& subject) {
  return {relation, Split::train, question, "answer", subject, 7};
}

}  // namespace

TEST_CASE("exposures: by question and relation, by question, by subject and relation", "[exposures]") {
  const std::vector<std::pair<std::string, std::string>> files = {
      {"counts.jsonl", R"({"question": "Who?", "relation": "P2", "count": 5}
{"question": "Who?", "count": 3}
{"question": " Caf\u0065\u0301? ", "count": "12"}
{"subject": "Rome", "relation": "P1", "count": 0}
{"subject": "Rome", "relation": "P1", "count": 0}
{"subject": "Oslo", "relation": "P1", "count": 9}
{"subject": 1969, "relation": "P1", "count": 4}
)"},
      {"counts.csv",
       "count,question,relation,subject\n5,Who?,P2,\n3,Who?,,\n12,Caf\u00e9?,,\n0,,P1,Rome\n"
       "9,,P1,Oslo\n4,,P1,1969\n"}};
  for (const auto& [name, text] : files) {
    INFO(name);
    const Exposures counted = read_counts(name, text);
    CHECK(counted.size() == 6);
    std::vector<Question> questions = {asked("P1", "Who?", "Rome"), asked("P2", "Who?", "Rome"),
                                       asked("P1", "Caf\u00e9?", "x"), asked("P1", "Where?", "Rome"),
                                       asked("P2", "Where?", "Rome"), asked("P1", "When?", "1969")};
    CHECK(counted.join(questions) == 1);  // nobody asks of Oslo
    std::vector<std::int32_t> counts;
    for (const Question& question : questions) counts.push_back(question.exposures);
    CHECK(counts == std::vector<std::int32_t>{3, 5, 12, 0, -1, 4});
  }
}

TEST_CASE("exposures: what is wrong with a record is named with its place", "[exposures]") {
  const auto error = [](const std::string& text) -> std::string {
    try {
      read_counts("bad.jsonl", text);
    } catch (const InputError& wrong) {
      return wrong.what();
    }
    return "no error";
  };
  using Catch::Matchers::ContainsSubstring;
  const std::string good = R"({"question": "Who?", "count": 3})" "\n";
  for (const auto& [record, words] : std::vector<std::pair<std::string, std::string>>{
           {R"({"question": "Why?"})", "has no 'count'"},
           {R"({"question": "Why?", "count": -1})", "no whole number from 0 to 2147483647: '-1'"},
           {R"({"question": "Why?", "count": "many"})", "no whole number from 0 to 2147483647: 'many'"},
           {R"({"question": "Why?", "count": 2147483648})", "no whole number"},
           {R"({"question": "Why?", "count": 1.5})", "no whole number from 0 to 2147483647: '1.5'"},
           {R"({"question": ["Why?"], "count": 1})", "has a 'question' that is not a text"},
           {R"({"subject": "Rome", "count": 1})", "neither a question nor a subject with its relation"},
           {R"({"question": "Who?", "count": 4})", "counts 'Who?' 4 times, and a record before it 3"},
           {R"({"question": )", "is not valid JSON"}}) {
    INFO(record);
    CHECK_THAT(error(good + record + "\n"), ContainsSubstring("bad.jsonl:2: ") &&
                                                ContainsSubstring(words) &&
                                                ContainsSubstring("a subject and its relation."));
  }
  CHECK_THAT(error("[]"), ContainsSubstring("holds no record"));
}
