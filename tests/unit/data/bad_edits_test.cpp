// Records that are bad cost neither their file nor the others, and files that are say where.
#include "catch.hpp"
#include "edit_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Counts = std::map<std::string, std::int64_t>;

TEST_CASE("a bad record is left out, and named with its line", "[data]") {
  json keyless = easyedit("French", "Dutch"), number = keyless, blank = keyless;
  keyless.erase("target_new");
  number["target_new"] = 18.5;
  blank["prompt"] = "";
  const std::string text = lines({keyless, easyedit("French", "Dutch")}) + "{\"prompt\": \n" +
                           lines({number, blank, keyless, zsre("Bonn"), "a text"}) +
                           "{\"prompt\": \"caf\xe9\", \"target_new\": \"a\"}\n\n" +
                           lines({keyless, keyless});
  const EditsFile file(text);
  const EditFile read = file.read();
  CHECK(read.records.size() == 1);
  CHECK(read.records[0].row == 1);
  CHECK(read.read == 11);
  const std::map<std::string, RecordCounts::Reason>& bad = read.bad.reasons();
  CHECK(read.bad.records() == 10);
  const RecordCounts::Reason& first = bad.at("the record has no 'target_new' or 'labels' or 'new_answer'");
  CHECK(first.records == 4);
  REQUIRE(first.first.size() == 3);
  CHECK_THAT(first.first[0], Catch::Matchers::EndsWith(":1"));
  CHECK_THAT(first.first[1], Catch::Matchers::EndsWith(":6"));
  CHECK_THAT(first.first[2], Catch::Matchers::EndsWith(":11"));
  CHECK_THAT(bad.at("is not valid JSON").first[0], Catch::Matchers::ContainsSubstring(":3: column ") &&
                                                           !Catch::Matchers::ContainsSubstring("line 1"));
  CHECK_THAT(bad.at("'target_new' is not a text").first[0], Catch::Matchers::EndsWith(":4: 18.5"));
  CHECK(bad.at("'prompt' or 'text' or 'question' is empty").records == 1);
  CHECK(bad.at("the record is no object").records == 1);
  std::int64_t encoded = 0;
  for (const auto& [why, reason] : bad) {
    CHECK(why.find('\xe9') == why.npos);
    if (why.starts_with("is not UTF-8 here")) encoded += reason.records;
  }
  CHECK(encoded == 1);
  // an eleventh is too many
  CHECK_THAT(EditsFile(text + lines({keyless})).message(),
             Catch::Matchers::ContainsSubstring(
                 ": 11 of its 12 records are bad, more than data.bad_records = 0.05 allows"));
  CHECK(EditsFile(text + lines({keyless})).read({.bad_records = 0.95}).records.size() == 1);
}

TEST_CASE("a bad record of a list or a table costs no other", "[data]") {
  const std::string good = easyedit("French", "Dutch").dump();
  const EditFile list =
      EditsFile("[\n" + good + ",\n{\"prompt\": nan},\n3,\n" + good + "\n,{\"a\": \"\xff\"}]").read();
  CHECK(list.records.size() == 2);
  CHECK(list.records[1].row == 3);
  CHECK(list.bad.records() == 3);
  CHECK_THAT(list.bad.reasons().at("the record is no object").first[0],
             Catch::Matchers::EndsWith(":4: record 3: 3"));
  const EditFile table = EditsFile(
                             "prompt,target_new\nA?,b\nB?,c,d\n\"C\" is,e\nD?,\xe9\n\"E,\nE?\",f\n"
                             ",g\nG?,h\n",
                             ".csv")
                             .read();
  REQUIRE(table.records.size() == 3);
  CHECK(table.records[1].prompt == "E,\nE?");
  CHECK_THAT(table.records[2].where, Catch::Matchers::EndsWith(":9"));
  CHECK(table.bad.records() == 4);
  CHECK_THAT(table.bad.reasons().at("has 3 fields, and there are 2 columns").first[0],
             Catch::Matchers::EndsWith(":3"));
}

TEST_CASE("a bad first record does not choose the form", "[data]") {
  const EditFile file =
      EditsFile(lines({{{"subject", "Ann"}}, easyedit("a", "b"), zsre("Bonn"), zsre("Bern")})).read();
  CHECK(file.form == "zsre");
  CHECK(file.records.size() == 2);
  CHECK(file.bad.records() == 2);
  CHECK(EditsFile(lines({zsre("Bonn"), easyedit("a", "b")})).read({.form = "easyedit"}).records.size() ==
        1);
  CHECK_THROWS_AS(EditsFile("[]").read({.form = "mend"}), InputError);
}

TEST_CASE("a byte-order mark is no part of a file, in every form", "[data]") {
  const std::string mark = "\xef\xbb\xbf";
  const json records = json::array({easyedit("French", "Dutch"), easyedit("Basque", "Irish")});
  CHECK(EditsFile(mark + records.dump(1)).read().records.size() == 2);
  CHECK(EditsFile(mark + lines({records[0], records[1]})).read().records.size() == 2);
  CHECK(EditsFile(mark + "\"prompt\",\"target_new\"\r\nA?,b\r\n", ".csv").read().records.size() == 1);
  CHECK_THAT(EditsFile("\xff\xfe[").message(), Catch::Matchers::ContainsSubstring("UTF-16"));
}

TEST_CASE("files that are something else are called by their name", "[data]") {
  CHECK_THAT(EditsFile("prompt,target_new\nA?,b\n").message(),
             Catch::Matchers::ContainsSubstring("it looks like a table, a CSV file"));
  CHECK_THAT(EditsFile("[{\"prompt\": 1}]", ".csv").message(),
             Catch::Matchers::ContainsSubstring("it looks like JSON"));
  CHECK_THAT(EditsFile("caf\xe9").message(),
             Catch::Matchers::ContainsSubstring("begins with 'bytes that are not UTF-8'"));
  CHECK_THAT(EditsFile("[{\"prompt\": \"a\"}").message(),
             Catch::Matchers::ContainsSubstring("not valid JSON"));
  CHECK_THAT(EditsFile("[{\"prompt\": \"a\"}] x").message(),
             Catch::Matchers::ContainsSubstring("not valid JSON"));
  CHECK_THAT(EditsFile("a,a\n1,2\n", ".csv").message(),
             Catch::Matchers::ContainsSubstring("the column 'a' is there twice"));
  CHECK_THAT(EditsFile(lines({{{"question", "?"}, {"reply", "!"}}})).message(),
             Catch::Matchers::ContainsSubstring(":1: the record has the keys of no known form") &&
                 Catch::Matchers::ContainsSubstring("question, reply") &&
                 Catch::Matchers::ContainsSubstring("requested_rewrite"));
  CHECK_THAT(EditsFile("").message(), Catch::Matchers::ContainsSubstring("none of its 0 records"));
  CHECK_THAT(EditsFile("[3]").message(),
             Catch::Matchers::ContainsSubstring(":1: record 1: the record is no object but 3"));
  const std::string message =
      EditsFile(json::array({json(std::string(9000, 'x'))}).dump()).message();
  CHECK(message.find("is no object but \"xxx") != std::string::npos);
  CHECK(message.size() < 400);
  CHECK_THAT(
      EditsFile(json::array({easyedit("a", "a"), easyedit("a", "")}).dump()).message(),
      Catch::Matchers::ContainsSubstring("none of its 2 records can be used: 1 of them: no new "
                                         "answer") &&
          Catch::Matchers::ContainsSubstring("1 of them: the new answer equals the old one"));
}
