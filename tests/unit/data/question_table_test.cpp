// Questions in a table: its forms, what stands for columns that are not there, and messages for
// tables that are wrong.
#include "factsweep/data/question_table.hpp"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

using namespace factsweep;
namespace fs = std::filesystem;

namespace {

class Tables {
 public:
  Tables()
      : folder_(fs::temp_directory_path() / ("factsweep_tables_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Tables() { fs::remove_all(folder_); }

  fs::path write(const std::string& name, const std::string& content) const {
    write_file(folder_ / name, content);
    return folder_ / name;
  }
  std::string message(const std::string& name, const std::string& content,
                      const TableForm& form = {}) const {
    const fs::path path = write(name, content);
    try {
      QuestionTable(path, form).questions({}, OverlapFilter::none, RepeatedQuestions::merge);
    } catch (const InputError& error) {
      std::string text = error.what();
      const std::string folder = folder_.string() + "/";
      if (const std::size_t at = text.find(folder); at != text.npos) text.erase(at, folder.size());
      return text;
    }
    return "no error";
  }

 private:
  fs::path folder_;
};

/// relation / split / question / subject / answers, each question on a line.
std::string listed(const EntityQuestions& all) {
  std::string text;
  for (const Question& q : all.questions) {
    text +=
        q.relation + " " + std::string(name(q.split)) + " " + q.question + " (" + q.subject + ")";
    for (const std::string& answer : accepted_answers(q)) text += " [" + answer + "]";
    text += "\n";
  }
  return text;
}

std::string listed(const fs::path& path, const TableForm& form = {},
                   RepeatedQuestions repeated = RepeatedQuestions::merge) {
  const QuestionTable table(path, form);
  return listed(table.questions(table.relations(), OverlapFilter::none, repeated));
}

const char* const kListed =
    "born train Where was Ann born? (Ann) [Oslo] [Christiania]\n"
    "born train Where was Bo born? (Bo) [Rome, Italy]\n"
    "born dev Where was Cy born? (Cy) [Bonn]\n"
    "born test Where was Di born? (Di) [Bern]\n"
    "capital train What is the capital of Peru? (Peru) [Lima]\n";

}  // namespace

TEST_CASE("the same questions as CSV, TSV, a JSON list and JSON lines", "[data]") {
  const Tables files;
  CHECK(listed(files.write("a.csv",
                           "\xef\xbb\xbfquestion,answer,subject,relation,split,more\r\n"
                           "Where was Ann born?,\"[\"\"Oslo\"\", \"\"Christiania\"\"]\",Ann,born,"
                           "train,\"two\nlines\"\r\n"
                           "Where was Bo born?,\"Rome, Italy\", Bo,born,train,\r\n"
                           "Where was Cy born?,Bonn,Cy,born,validation,\r\n"
                           " Where was Di born? ,Bern,Di,born,test,\r\n"
                           "What is the capital of Peru?,Lima,Peru,capital,train,\r\n")) ==
        kListed);
  const TableForm named{.question = "q", .answers = "a", .relation = "r", .separator = "|"};
  CHECK(listed(files.write("a.tsv",
                           "r\tq\ta\tsplit\n"
                           "born\tWhere was Ann born?\tOslo | Christiania|Oslo\ttrain\n"
                           "born\tWhere was Bo born?\tRome, Italy\ttrain\n"
                           "born\tWhere was Cy born?\tBonn\tdev\n"
                           "born\tWhere was Di born?\tBern\ttest\n"
                           "capital\tWhat is the capital of Peru?\tLima\ttrain\n"),
               named) ==
        // one question alone says not what its subject is
        std::string(kListed).replace(std::string(kListed).find("(Peru)"), 6,
                                     "(What is the capital of Peru?)"));
  const std::string records[] = {
      R"({"question": "Where was Ann born?", "answer": ["Oslo", " Christiania"], "subject": "Ann", "relation": "born", "split": "train"})",
      R"({"question": "Where was Bo born?", "answer": "Rome, Italy", "subject": "Bo", "relation": "born", "split": "train"})",
      R"({"question": "Where was Cy born?", "answer": ["Bonn"], "subject": "Cy", "relation": "born", "split": "val"})",
      R"({"question": "Where was Di born?", "answer": "[\"Bern\"]", "subject": "Di", "relation": "born", "split": "test"})",
      R"({"question": "What is the capital of Peru?", "answer": "Lima", "subject": "Peru", "relation": "capital", "split": "train"})"};
  std::string list = "[\n", lines;
  for (const std::string& record : records) {
    list += (list.size() > 2 ? ",\n" : "") + record;
    lines += record + "\n";
  }
  CHECK(listed(files.write("a.json", list + "\n]\n")) == kListed);
  CHECK(listed(files.write("a.jsonl", lines)) == kListed);
  CHECK(QuestionTable(files.write("b.jsonl", lines), {}).notes().empty());
  for (const char* name : {"a.csv", "x/b.tsv.gz", "c.json", "d.jsonl.gz"})
    CHECK(QuestionTable::is_table(name));
  for (const char* name : {"entityquestions", "a.csv.txt", "/tmp"})
    CHECK_FALSE(QuestionTable::is_table(name));
}

TEST_CASE("one question in several rows", "[data]") {
  const Tables files;
  const fs::path path = files.write("a.csv",
                                    "question,answer,split\nWho?,Ann,train\nWho?,ann,train\n"
                                    "Who?,Ann,train\nWho?,Bo,test\nWhy?,So,test\n");
  CHECK(listed(path) ==
        "all train Who? (Who) [Ann] [ann] [Bo]\n"
        "all test Who? (Who) [Bo] [Ann] [ann]\n"
        "all test Why? (Why) [So]\n");
  const QuestionTable table(path, {});
  CHECK(table.questions({"all"}, OverlapFilter::none, RepeatedQuestions::merge).merged == 2);
  CHECK(
      table.questions({"all"}, OverlapFilter::subject, RepeatedQuestions::merge).dropped_overlap ==
      3);
  CHECK(listed(path, {}, RepeatedQuestions::keep).find("[Bo] [") == std::string::npos);
  CHECK(table.questions({"all"}, OverlapFilter::none, RepeatedQuestions::drop).dropped_ambiguous ==
        4);
}

TEST_CASE("a line break in a question is one, and a blank to the guess of its subject", "[data]") {
  const Tables files;
  const fs::path path = files.write("a.csv",
                                    "question,answer,split\r\n\"What is the capital of\r\nMower County?\","
                                    "Austin,train\r\nWhat is the capital of Chad?,N'Djamena,test\r\n");
  CHECK(listed(path) ==
        "all train What is the capital of\nMower County? (Mower County) [Austin]\n"
        "all test What is the capital of Chad? (Chad) [N'Djamena]\n");
}

TEST_CASE("splits are drawn by question and relation, and said", "[data]") {
  const Tables files;
  std::string text = "question,answer,relation\n";
  for (int i = 0; i < 40; ++i) {
    for (int again = 0; again < 2; ++again)
      text += "Where is a" + std::to_string(i) + "?,t" + std::to_string(again) + ",P1\n";
    if (i < 10) text += "Who is b" + std::to_string(i) + "?,c,P2\n";
  }
  const fs::path path = files.write("a.csv", text);
  const auto drawn = [&](std::uint64_t seed) {
    const QuestionTable table(path, {.shares = {0.5, 0.3, 0.2}, .seed = seed});
    REQUIRE(table.notes().size() == 2);
    CHECK(table.notes()[0].find("no column 'subject' (data.subject)") != std::string::npos);
    CHECK(table.notes()[1].find("by 0.5, 0.3 and 0.2") != std::string::npos);
    std::map<std::string, std::map<Split, std::set<std::string>>> of;
    for (const Question& q :
         table.questions({"P1", "P2"}, OverlapFilter::none, RepeatedQuestions::keep).questions)
      of[q.relation][q.split].insert(q.subject);
    return of;
  };
  auto splits = drawn(1);
  CHECK(splits["P1"][Split::train].size() == 20);
  CHECK(splits["P1"][Split::dev].size() == 12);
  CHECK(splits["P1"][Split::test].size() == 8);
  CHECK(splits["P2"][Split::train].size() == 5);
  CHECK(splits["P2"][Split::dev].size() == 3);
  CHECK(splits["P2"][Split::test].size() == 2);
  std::set<std::string> all;
  for (const auto& [split, subjects] : splits["P1"]) all.insert(subjects.begin(), subjects.end());
  CHECK(all.size() == 40);
  CHECK(drawn(1) == splits);
  CHECK(drawn(2) != splits);
}

TEST_CASE("what is wrong with a table is said with file and line", "[data]") {
  const Tables files;
  CHECK(files.message("a.csv", "frage,antwort\nWho?,Ann\n") ==
        "a.csv:2: there is no 'question', which data.question names. There are: antwort, frage.");
  CHECK(files.message("a.csv", "question,antwort\nWho?,Ann\n")
            .starts_with("a.csv:2: there is no 'answer', which data.answers names."));
  CHECK(files.message("a.csv", "question,answer, question\nWho?,Ann,Who?\n") ==
        "a.csv:1: the column 'question' is there twice.");
  CHECK(files.message("a.csv", "question,answer\nWho?,Ann\n\nWho?,Rome, Italy\n") ==
        "a.csv:4: has 3 fields, and there are 2 columns.");
  CHECK(files.message("a.csv", "question,answer\n  ,Ann\n") == "a.csv:2: has an empty 'question'. Fill it in, or take the row out, as jobs/facts.py does.");
  CHECK(files.message("a.csv", "question,answer\n\"Who\nis it?\",\n") ==
        "a.csv:2: has an empty 'answer'. Fill it in, or take the row out, as jobs/facts.py does.");
  CHECK(files.message("a.csv", "question,answer\n\"Who\nis it?\",Ann\nWho?,\"Ann\nBo\"\n") ==
        "a.csv:4: has an answer with a line break, where decoded answers end.");
  CHECK(files.message("a.csv", "question,answer\nWho?,Ann||Bo\n", {.separator = "|"}) ==
        "a.csv:2: has an empty answer in 'answer'. Fill it in, or take it out, as jobs/facts.py does.");
  CHECK(files.message("a.csv", "question,answer\nWho?,\"['Ann', 'Bo']\"\n")
            .starts_with("a.csv:2: 'answer' is no JSON list of texts"));
  CHECK(files.message("a.csv", "question,answer\nWho?,Ann\nWho?,\"Ann\n")
            .starts_with("a.csv:3: a quotation mark opens a field"));
  CHECK(files.message("a.csv", "question,answer\nWho?,Ann\nWho?,Bj\xf8rn\n")
            .starts_with("a.csv:3: is not UTF-8 here."));
  CHECK(files.message("a.csv", "question,answer,split\nWho?,Ann,train\nWho?,Ann,eval\n")
            .starts_with("a.csv:3: 'eval' in 'split' is no split"));
  CHECK(files.message("a.csv", "question,answer,relation\nWho?,Ann,\n") ==
        "a.csv:2: has an empty 'relation'. Fill it in, or take the row out, as jobs/facts.py does.");
  CHECK(files.message("a.csv", "question,answer\n") == "a.csv: has no question.");
  CHECK(files.message("a.json", R"([{"question": "Who?", "answer": "Ann"}, {"question": "Who?"}])")
            .starts_with("a.json:1: record 2: there is no 'answer'"));
  CHECK(files.message("a.jsonl", "{\"question\": \"Who?\", \"answer\": [\"Ann\", 3]}\n")
            .starts_with("a.jsonl:1: 'answer' is no JSON list of texts"));
  CHECK(files.message("a.jsonl", "{\"question\": \"Who?\", \"answer\": null}\n") ==
        "a.jsonl:1: has no text in 'answer'.");
  CHECK(files.message("a.jsonl", "{\"question\": \"When?\", \"answer\": 1969}\n") == "no error");
  const QuestionTable table(files.write("b.csv", "question,answer\nWho?,Ann\n"), {});
  CHECK_THROWS_AS(table.questions({"P1"}, OverlapFilter::none, RepeatedQuestions::merge),
                  InputError);
  CHECK_THROWS_AS(table.questions({"all", "all"}, OverlapFilter::none, RepeatedQuestions::merge),
                  InputError);
}
