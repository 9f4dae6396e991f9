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
  const EditFile read = file.read({.bad_records = 0.95});
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
}

TEST_CASE("a file may have a share of bad records, of a small one ten or half", "[data]") {
  CHECK(allowed_bad_records(1000, 0.05) == 50);
  CHECK(allowed_bad_records(60, 0.05) == 10);
  CHECK(allowed_bad_records(12, 0.05) == 6);
  CHECK(allowed_bad_records(1, 0.05) == 0);
  CHECK(allowed_bad_records(100, 0.29) == 29);
  CHECK(allowed_bad_records(12, 1) == 12);
  CHECK(allowed_bad_records(1000, 0) == 0);
  const auto file = [](int bad, int good) {
    std::vector<json> records;
    for (int i = 0; i < bad; ++i) records.push_back(easyedit("French", ""));
    for (int i = 0; i < good; ++i) records.push_back(easyedit("French", "Dutch"));
    return lines(records);
  };
  CHECK(EditsFile(file(10, 50)).read().records.size() == 50);
  CHECK_THAT(EditsFile(file(11, 49)).message(),
             Catch::Matchers::ContainsSubstring(": 11 of its 60 records are bad, more than "
                                                "data.bad_records = 0.05 allows (10): 11 of them: "
                                                "no new answer ("));
  CHECK(EditsFile(file(30, 30)).read({.bad_records = 0.5}).records.size() == 30);
  CHECK(EditsFile(file(6, 6)).read().records.size() == 6);
  CHECK_THAT(EditsFile(file(7, 5)).message(),
             Catch::Matchers::ContainsSubstring("data.bad_records = 0.05 allows (6)"));
  CHECK_THAT(EditsFile(file(1, 999)).message({.bad_records = 0}),
             Catch::Matchers::ContainsSubstring("1 of its 1000 records is bad"));
}

TEST_CASE("an answer with a line break costs its record, or its question alone", "[data]") {
  json two = easyedit("French", "Dutch"), asked = two;
  two["target_new"] = {"English", "Brit\nish"};
  asked["locality_ground_truth"] = "Du\ntch";
  asked["portability_prompt"] = {"Her parents spoke", "She reads"};
  asked["portability_ground_truth"] = {"Du\rtch", "Flemish"};
  const EditFile file =
      EditsFile(lines({easyedit("Fr\nench", "Dutch"), easyedit("French", "Dutch\r\nFlemish"), two,
                       asked, easyedit("Basque", "Irish\n")}))
          .read({.bad_records = 0.9});
  REQUIRE(file.records.size() == 2);
  CHECK(numbers(file.bad) == Counts{{"the old answer has a line break, at which answers end", 1},
                                    {"the new answer has a line break, at which answers end", 2}});
  CHECK_THAT(
      file.bad.reasons().at("the old answer has a line break, at which answers end").first[0],
      Catch::Matchers::EndsWith(":1: \"Fr\\nench\""));
  CHECK(file.records[0].unrelated.empty());
  REQUIRE(file.records[0].portability.size() == 1);
  CHECK(file.records[0].portability[0].prompt == "She reads");
  CHECK(file.records[1].target_new == "Irish");
  const std::string ends = " has a line break, at which answers end";
  CHECK(numbers(file.questions) == Counts{{"an answer to a locality prompt" + ends, 1},
                                          {"an answer to a question of portability" + ends, 1}});
  CHECK_THAT(file.questions.reasons().at("an answer to a locality prompt" + ends).first[0],
             Catch::Matchers::EndsWith(":4: \"Du\\ntch\""));
  CHECK(file.not_measured == Counts{{"no locality prompt that can be used", 1}});
}

TEST_CASE("no answer is right as the old one and as the new one", "[data]") {
  const auto edit = [](const json& old_answers, const json& new_answers) {
    json record = easyedit("", "");
    record["ground_truth"] = old_answers;
    record["target_new"] = new_answers;
    return record;
  };
  const EditFile file =
      EditsFile(lines({edit("French", {"English", "French"}), edit({"A", "B"}, {"B", "C"}),
                       edit({"B", "C"}, {"A", "C"}), edit("French", {"French", "English"}),
                       edit("French", {"English", "british English"})}))
          .read({.bad_records = 0.9});
  CHECK(file.records.size() == 1);
  CHECK(numbers(file.bad) == Counts{{"an old answer is right as a new one, too", 3},
                                    {"the new answer equals the old one", 1}});
  CHECK_THAT(file.bad.reasons().at("an old answer is right as a new one, too").first[2],
             Catch::Matchers::EndsWith(":3: C"));
}

TEST_CASE("a list that is written as a text is no answer", "[data]") {
  const std::string why =
      "'target_new' is a list that is written as a text. Write a JSON list, as "
      "[\"a\", \"b\"], or one text";
  for (const char* text : {"['English', 'Alt']", "[\"English\", 'Alt']", "['a' 'b']", "('a', 'b')",
                           "('a',)", "{'str': 'a'}"}) {
    INFO(text);
    const std::string message = EditsFile(lines({easyedit("French", text)})).message();
    CHECK_THAT(message, Catch::Matchers::ContainsSubstring(why + " ("));
  }
  for (const char* text :
       {"[sic] English", "[English]", "('t Hooft) and others", "(\"English\")", "'English'"}) {
    INFO(text);
    CHECK(EditsFile(lines({easyedit("French", text)})).read().records.size() == 1);
  }
  const EditFile table =
      EditsFile(
          "prompt,target_new,rephrase\nA?,\"['b', 'c']\",d\nB?,\"[\"\"b\"\", \"\"c\"\"]\",d\nC?,"
          "d,\"['e', 'f']\"\n",
          ".csv")
          .read({.bad_records = 0.9});
  REQUIRE(table.records.size() == 1);
  CHECK(table.records[0].new_aliases == std::vector<std::string>{"c"});
  CHECK_THAT(table.bad.reasons().at(why).first.at(0), Catch::Matchers::EndsWith(":2: ['b', 'c']"));
}

TEST_CASE("what programs write for nothing is an empty cell", "[data]") {
  std::string text = "prompt,target_new,ground_truth,locality_prompt,locality_answer\n";
  for (const char* nothing : {"nan", "NaN", "NULL", "null", "<NA>", "#N/A", "#REF!", "#DIV/0!"})
    text += std::string("A?,") + nothing + ",b,c,d\n";
  text += "A?,None,nan,c,d\nB?,NA,#N/A,#REF!,#NAME?\nNaN,x,y,c,d\nC?,x, NULL ,c,nan\n";
  const EditFile file = EditsFile(text, ".csv").read({.bad_records = 0.9});
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[0].target_new == "None");
  CHECK(file.records[0].target_old.empty());
  CHECK(file.records[1].target_new == "NA");
  CHECK(file.records[2].target_old.empty());
  CHECK(numbers(file.bad) ==
        Counts{{"no new answer", 8}, {"'prompt' or 'text' or 'question' is empty", 1}});
  CHECK(numbers(file.questions) == Counts{{"a locality prompt has no answer", 1}});
  CHECK(file.not_measured == Counts{{"no rephrasing", 3},
                                    {"no locality prompt", 1},
                                    {"no locality prompt that can be used", 1}});
  // a JSON file says what it means
  CHECK(EditsFile(lines({easyedit("nan", "NULL")})).read().records.at(0).target_new == "NULL");
}

TEST_CASE("the NaN of Python's json says nothing", "[data]") {
  json record = easyedit("NaN", "a \"NaN\\");
  const std::string text = record.dump();
  const std::string with =
      text.substr(0, text.size() - 1) + R"(, "portability_prompt": NaN, "x": [NaN]})";
  const std::vector<std::string> files = {with, "[" + with + "," + text + "]", with + "\n" + text,
                                          R"({"data": [)" + with + "]}"};
  for (const std::string& file : files) {
    const EditFile read = EditsFile(file).read({.bad_records = 0});
    CHECK(read.records.at(0).target_new == EditsFile(text).read().records.at(0).target_new);
    CHECK(read.records.at(0).target_old == EditsFile(text).read().records.at(0).target_old);
  }
  CHECK_THAT(EditsFile(R"([{"prompt": NaNo}])").message(),
             Catch::Matchers::ContainsSubstring("not valid JSON"));
}

TEST_CASE("a record whose keys are there twice is bad", "[data]") {
  const EditFile file =
      EditsFile("[{\"prompt\": \"A\", \"prompt\": \"B\", \"target_new\": \"c\"},\n" +
                easyedit("a", "b").dump() +
                ",\n{\"prompt\": \"A\", \"target_new\": {\"str\": \"a\", "
                "\"id\": 1, \"str\": \"b\"}}, " +
                easyedit("c", "d").dump() + "]")
          .read();
  CHECK(file.records.size() == 2);
  REQUIRE(numbers(file.bad) == Counts{{"has a key twice", 2}});
  CHECK_THAT(file.bad.reasons().at("has a key twice").first[1],
             Catch::Matchers::EndsWith(": 'str'"));
}

TEST_CASE("what the page or a spreadsheet adds to a table is no record", "[data]") {
  const std::string rows = "A?;b\r\n;\r\n ; \r\nC?;d\r\n;;;\r\n";
  for (const std::string& text :
       {"sep=;\r\nprompt;target_new\r\n" + rows, "SEP=;\n;\nprompt;target_new\n" + rows}) {
    const EditFile file = EditsFile(text, ".CSV").read();
    REQUIRE(file.records.size() == 2);
    CHECK(file.bad.empty());
    CHECK(file.records[1].target_new == "d");
    CHECK_THAT(file.records[0].where, Catch::Matchers::EndsWith(text[0] == 's' ? ":3" : ":4"));
  }
  CHECK(EditsFile("sep=\t\nprompt\ttarget_new\nA, b\tc\n", ".csv").read().records.size() == 1);
  // of a separator in a quoted name it is none
  CHECK(EditsFile("prompt;target_new;\"a, b\"\nA, b;c;d\n", ".csv").read().records.size() == 1);
  CHECK(EditsFile(json::array({easyedit("a", "b")}).dump(), ".JSON").read().records.size() == 1);
}

TEST_CASE("a bad record of a list or a table costs no other", "[data]") {
  const std::string good = easyedit("French", "Dutch").dump();
  const EditFile list =
      EditsFile("[\n" + good + ",\n{\"prompt\": nan},\n3,\n" + good + "\n,{\"a\": \"\xff\"}]")
          .read({.bad_records = 0.9});
  CHECK(list.records.size() == 2);
  CHECK(list.records[1].row == 3);
  CHECK(list.bad.records() == 3);
  CHECK_THAT(list.bad.reasons().at("the record is no object").first[0],
             Catch::Matchers::EndsWith(":4: record 3: 3"));
  const EditFile table = EditsFile(
                             "prompt,target_new\nA?,b\nB?,c,d\n\"C\" is,e\nD?,\xe9\n\"E,\nE?\",f\n"
                             ",g\nG?,h\n",
                             ".csv")
                             .read({.bad_records = 0.9});
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
  CHECK_THAT(EditsFile(std::string("p\0,\0t\0", 6), ".csv").message(),
             Catch::Matchers::ContainsSubstring("UTF-16"));
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
