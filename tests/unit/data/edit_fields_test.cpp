// Which of a record's keys are read and which are not, questions that ask what is edited, and where
// the subject stands.
#include "catch.hpp"
#include "edit_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Counts = std::map<std::string, std::int64_t>;
using Texts = std::vector<std::string>;

TEST_CASE("keys of another form are not read beside a form's own", "[data]") {
  json record = easyedit("French", "English");
  record["labels"] = "Label";
  record["new_answer"] = "Multihop";
  record["alt"] = "Alt";
  record["target_true"] = "Basque";
  record["question"] = "What does Ann speak?";
  record["concept"] = "Bob";
  record["locality_answer"] = "Greek";
  record["note"] = "keep";
  const EditFile file = EditsFile(lines({record, easyedit("French", "English")})).read();
  const EditRecord& edit = file.records.at(0);
  CHECK(edit.prompt == "Ann speaks");
  CHECK(edit.subject == "Ann");
  CHECK(edit.new_aliases.empty());
  CHECK(edit.old_aliases.empty());
  CHECK(edit.unrelated.at(0).answers == Texts{"Dutch"});
  CHECK(file.not_used == Counts{{"'labels'", 1},
                                {"'new_answer'", 1},
                                {"'alt'", 1},
                                {"'target_true'", 1},
                                {"'question'", 1},
                                {"'concept'", 1},
                                {"'locality_answer'", 1}});
  // what the deck names is read before what the forms name
  record["was"] = "Irish";
  CHECK(EditsFile(lines({record}))
            .read({.columns = {{"target_old", "was"}}})
            .records.at(0)
            .target_old == "Irish");
  // and where the usual key says nothing, the next one does
  record["target_new"] = " ";
  CHECK(EditsFile(lines({record})).read({.form = "easyedit"}).records.at(0).target_new == "Label");
}

TEST_CASE("a misspelt key beside the right one is told", "[data]") {
  json record = easyedit("French", "English");
  record["rephrase_promt"] = "typo";
  record["Locality_Prompt"] = "Cy speaks";
  record["label"] = "x";
  record["answers"] = {"y"};
  const EditFile file = EditsFile(lines({record})).read();
  CHECK(file.not_used == Counts{{"'rephrase_promt' (like 'rephrase_prompt')", 1},
                                {"'Locality_Prompt' (like 'locality_prompt')", 1},
                                {"'label' (like 'labels')", 1}});
}

TEST_CASE("a neighbourhood has the old answer in every form", "[data]") {
  json flat = easyedit("French", "English");
  flat["ground_truth"] = {"French", "Occitan"};
  flat["neighborhood_prompts"] = {"Cy speaks", "Di speaks"};
  flat.erase("locality_prompt");
  flat.erase("locality_ground_truth");
  json mend = zsre("Bonn");
  mend["neighborhood_prompts"] = "Where is Cy from?";
  const json rome = {{"prompt", "{} speaks"},
                     {"subject", "Ann"},
                     {"target_new", {{"str", "English"}}},
                     {"target_true", {{"str", "French"}}},
                     {"neighborhood_prompts", {"Cy speaks"}}};
  const EditFile file = EditsFile(lines({flat})).read();
  CHECK(file.not_used == Counts{{"further answers to an unrelated question", 1}});
  REQUIRE(file.records.at(0).unrelated.size() == 2);
  CHECK(file.records[0].unrelated[1].prompt == "Di speaks");
  CHECK(file.records[0].unrelated[1].answers == Texts{"French", "Occitan"});
  CHECK(EditsFile(lines({mend})).read().records.at(0).unrelated.at(1).answers == Texts{"Rome"});
  const EditFile open = EditsFile(lines({rome})).read();
  CHECK(open.form == "rome");
  CHECK(open.not_used.empty());
  CHECK(open.records.at(0).unrelated.at(0).answers == Texts{"French"});
  json fresh = rome;  // nothing is old, so no neighbour has an answer
  fresh.erase("target_true");
  const EditFile lost = EditsFile(lines({fresh})).read();
  CHECK(numbers(lost.questions) == Counts{{"a locality prompt has no answer", 1}});
  CHECK(lost.not_measured ==
        Counts{{"no rephrasing", 1}, {"no locality prompt that can be used", 1}});
}

TEST_CASE("questions without an answer are counted", "[data]") {
  json record = easyedit("French", "English");
  record["locality"] = {{"Forgetfulness",
                         {{{"prompt", "Cy speaks"}, {"ground_truth", json::array()}},
                          {{"prompt", "Di speaks"}, {"ground_truth", "Irish"}}}}};
  record["portability"] = {{"R", {{{"prompt", "P"}, {"ground_truth", nullptr}}}}};
  json asked = easyedit("French", "English");
  asked["locality_prompt"] = {"Cy speaks", "Di speaks"};
  asked.erase("locality_ground_truth");
  json answered = easyedit("French", "English");
  answered.erase("locality_prompt");
  const EditFile file = EditsFile(lines({record, asked, answered})).read();
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[0].unrelated.size() == 2);
  CHECK(numbers(file.questions) == Counts{{"a locality prompt has no answer", 3},
                                          {"a question of portability has no answer", 1}});
  CHECK_THAT(file.questions.reasons().at("a question of portability has no answer").first[0],
             EndsWith(":1: P"));
  CHECK(file.not_used == Counts{{"'locality_ground_truth'", 1}});
  CHECK(file.not_measured ==
        Counts{{"no locality prompt", 1}, {"no locality prompt that can be used", 1}});
}

TEST_CASE("a question that asks what is edited is left out", "[data]") {
  json own = easyedit("French", "English"), other = own, again = own;
  own["locality_prompt"] = "Ann speaks";
  other["prompt"] = "Bob speaks";
  other["locality_prompt"] = {"Ann speaks", "Cy speaks"};
  other["locality_ground_truth"] = {"French", "Greek"};
  again["prompt"] = "Di speaks";
  again["rephrase_prompt"] = {"Di speaks", "The tongue of Di is"};
  again["locality_prompt"] = "Ed speaks";
  json alone = again;
  alone["prompt"] = "Ed says";
  alone["rephrase_prompt"] = " Ed says";
  EditFile file = EditsFile(lines({own, other, again, alone})).read();
  CHECK(numbers(file.questions) == Counts{{"a rephrasing is the prompt itself", 2}});
  CHECK(file.records[2].rephrasings == Texts{"The tongue of Di is"});
  CHECK(file.records[3].rephrasings.empty());
  CHECK(file.not_measured == Counts{{"no rephrasing that can be used", 1}});
  CHECK(file.records[0].unrelated.size() == 1);  // until it is known which records are used
  const RecordCounts lost = leave_out_edited(file.records);
  CHECK(numbers(lost) == Counts{{"a locality prompt is the prompt of an edit", 2}});
  CHECK_THAT(lost.reasons().begin()->second.first[1], EndsWith(":2: Ann speaks"));
  CHECK(file.records[0].unrelated.empty());
  CHECK(file.records[0].lost_unrelated);
  REQUIRE(file.records[1].unrelated.size() == 1);
  CHECK(file.records[1].unrelated[0].prompt == "Cy speaks");
  CHECK(file.records[2].unrelated.size() == 1);
}

TEST_CASE("a subject is a word of its prompt, or several", "[data]") {
  const auto place = [](const std::string& subject, const std::string& prompt) {
    return place_of_subject({.subject = subject, .prompt = prompt});
  };
  constexpr std::size_t kNowhere = std::string::npos;
  CHECK(place("Ann", "Where does Ann live?") == 11);
  CHECK(place("Ann", "Ann's friend of Ann") == 16);
  CHECK(place("Ann", "Ann lives in Annapolis") == 0);
  CHECK(place("Ann", "Annapolis") == kNowhere);
  CHECK(place("Ann", "Joann") == kNowhere);
  CHECK(place("ann", "Joann") == kNowhere);
  CHECK(place("Ann", "Ann") == 0);
  CHECK(place("Ann", "Ann1 lives") == kNowhere);
  CHECK(place("Zo\u00eb", "Zo\u00ebs") == kNowhere);
  CHECK(place("Zo", "Zo\u00eb") == kNowhere);
  CHECK(place("L'", "L'eau") == 0);
  CHECK(place("", "Ann") == kNowhere);
  CHECK(place("Ann", "") == kNowhere);
  // scripts without spaces between words, and Korean particles
  CHECK(place("\u6771\u4eac", "\u6771\u4eac\u306e\u533a") == 0);
  CHECK(place("\uc11c\uc6b8", "\uc11c\uc6b8\uc740") == 0);
}

TEST_CASE("what may be meant by a file of no form is said", "[data]") {
  const json record = easyedit("French", "English");
  const std::string two = EditsFile(json{{"train", {record}}, {"test", {record}}}.dump()).message();
  CHECK_THAT(two, ContainsSubstring("There are records in its 'test', 'train': write each into a "
                                    "file of its own."));
  CHECK_THAT(EditsFile(json{{"a", {{"train", {record}}}}, {"b", 1}}.dump()).message(),
             ContainsSubstring("There are records in its 'a.train': write that alone."));
  CHECK_THAT(EditsFile(lines({{{"record", record}}, {{"record", record}}})).message(),
             ContainsSubstring("There are records in its 'record'"));
  const json split = {{"columns", {"prompt", "target_new"}},
                      {"index", {0}},
                      {"data", json::array({json::array({"a", "b"})})}};
  const json by_column = {{"prompt", {{"0", "a"}, {"1", "b"}}},
                          {"subject", {{"0", "c"}, {"1", "d"}}},
                          {"target_new", {{"0", "e"}, {"1", "f"}}}};
  const json by_list = {{"prompts", {"a", "b"}}, {"target_new", {"e", "f"}}};
  json of_lists = by_column, long_lists = by_list, by_name;
  of_lists["rephrase_prompt"] = {{"0", {"g", "h"}}, {"1", json::array()}};
  long_lists["rephrase_prompt"] = json::array({{"g", "h"}, json::array()});
  for (const auto& [key, column] : by_column.items())
    by_name[key] = {{"Ann", column.at("0")}, {"Bob", column.at("1")}};
  for (const json& columns : {by_column, by_list, split, of_lists, long_lists, by_name})
    CHECK_THAT(EditsFile(columns.dump()).message(),
               ContainsSubstring("holds columns, not records"));
  CHECK(EditsFile(json{{"1", record}, {"2", zsre("Bonn")}, {"3", record}}.dump())
            .read({.bad_records = 1})
            .records.size() == 2);
  CHECK_THAT(
      EditsFile(json{{"train", {record, record}}, {"test", {record, record}}}.dump()).message(),
      ContainsSubstring("There are records in its 'test', 'train'"));
  CHECK_THAT(EditsFile(lines({{{"Prompt", "a"}, {"Target_New", "b"}}})).message(),
             ContainsSubstring("Is 'Prompt' the 'prompt' of these forms?"));
  CHECK_THAT(EditsFile(lines({{{"prompt", "a"}, {"traget_new", "b"}}})).message(),
             ContainsSubstring("Is 'traget_new' the 'target_new' of these forms?"));
  CHECK_THAT(EditsFile(lines({record, zsre("Bonn")})).read({.form = "zsre"}).bad.told(),
             ContainsSubstring("the record has no 'src'"));
  const std::string named =
      "data.prompt and data.subject both name 'ask': a column is one of them.";
  const EditsFile table("ask,becomes\nA?,b\n", ".csv");
  CHECK_THROWS_WITH(table.read({.columns = {{"prompt", "ask"}, {"subject", "ask"}}}), named);
}
