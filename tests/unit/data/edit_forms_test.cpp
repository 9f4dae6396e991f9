// Twelve edits in every form and every kind of file give the same records.
#include <functional>

#include "catch.hpp"
#include "edit_files.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

using Texts = std::vector<std::string>;

/// A record as a text; without its place.
std::string shown(const EditRecord& record) {
  const auto questions = [](const std::vector<EditQuestion>& list) {
    json shown = json::array();
    for (const EditQuestion& question : list) shown.push_back(json::array({question.prompt, question.answers}));
    return shown;
  };
  return json::array({record.subject, record.prompt,
              record.target_old,  record.old_aliases,
              record.target_new,  record.new_aliases,
              record.rephrasings, questions(record.unrelated),
              questions(record.portability)})
      .dump();
}

Texts shown(const EditFile& file) {
  Texts texts;
  for (const EditRecord& record : file.records) texts.push_back(shown(record));
  return texts;
}

/// What the i-th edit says.
struct Edit {
  explicit Edit(int i)
      : subject("Åke" + std::to_string(i)),
        rephrasings{subject + "'s town?", "Where does " + subject + " live, \"now\"?"},
        old_answers{"Rome" + std::to_string(i), "Roma, " + std::to_string(i)},
        new_answers{"Oslo" + std::to_string(i), "Christiania"},
        unrelated{"Bo lives in", "Cy, too, lives in"},
        portability{"The mayor of " + subject + "'s town is", "Its river?"},
        follow{"Di", "Di Ørn"} {}

  /// "The town of {} is", or with the subject.
  std::string prompt(bool open) const {
    return "The town of " + (open ? std::string("{}") : subject) + " is";
  }

  std::string subject;
  Texts rephrasings, old_answers, new_answers, unrelated, portability, follow;
};

json easyedit_flat(const Edit& edit) {
  return {{"subject", edit.subject},
          {"prompt", edit.prompt(false)},
          {"ground_truth", edit.old_answers},
          {"target_new", edit.new_answers},
          {"rephrase_prompt", edit.rephrasings},
          {"locality_prompt", edit.unrelated},
          {"locality_ground_truth", json::array({edit.old_answers, edit.old_answers})},
          {"portability_prompt", edit.portability},
          {"portability_ground_truth", json::array({edit.follow, edit.follow})}};
}

json without(json record, const Texts& keys) {
  for (const std::string& key : keys) record.erase(key);
  return record;
}

const Texts kQuestions = {"locality_prompt", "locality_ground_truth", "portability_prompt",
                          "portability_ground_truth"};

json easyedit_nested(const Edit& edit) {
  json record = without(easyedit_flat(edit), kQuestions);
  record["locality"] = {
      {"neighborhood",
       {{"prompt", edit.unrelated}, {"ground_truth", json::array({edit.old_answers, edit.old_answers})}}}};
  record["portability"] = {
      {"one_hop", {{"prompt", edit.portability}, {"ground_truth", json::array({edit.follow, edit.follow})}}}};
  return record;
}

json knowedit(const Edit& edit) {
  const auto entries = [](const Texts& prompts, const Texts& answers) {
    json list = json::array();
    for (const std::string& prompt : prompts)
      list.push_back({{"prompt", prompt}, {"ground_truth", json::array({answers})}});
    return list;
  };
  return {{"concept", edit.subject},
          {"text", edit.prompt(false)},
          {"labels", edit.new_answers},
          {"ground_truth", edit.old_answers},
          {"rephrase", edit.rephrasings},
          {"locality",
           {{"Relation_Specificity", entries({edit.unrelated[0]}, edit.old_answers)},
            {"Forgetfulness", entries({edit.unrelated[1]}, edit.old_answers)}}},
          {"portability", {{"Reasoning", entries(edit.portability, edit.follow)}}}};
}

json mend(const Edit& edit) {
  return {{"subject", edit.subject},
          {"src", edit.prompt(false)},
          {"pred", edit.old_answers},
          {"alt", edit.new_answers},
          {"answers", {"Bonn"}},
          {"rephrase", edit.rephrasings},
          {"loc", edit.unrelated},
          {"loc_ans", json::array({edit.old_answers, edit.old_answers})},
          {"portability", easyedit_nested(edit)["portability"]}};
}

json rewrite(const Edit& edit) {
  return {{"prompt", edit.prompt(true)},
          {"subject", edit.subject},
          {"relation_id", "P1"},
          {"target_new", {{"str", edit.new_answers}, {"id", "Q1"}}},
          {"target_true", {{"str", edit.old_answers}, {"id", "Q2"}}}};
}

json rome_short(const Edit& edit) {
  json record = easyedit_nested(edit);
  record.erase("ground_truth");
  record.update(rewrite(edit));
  return record;
}

json rome_counterfact(const Edit& edit) {
  return {{"case_id", 3},
          {"requested_rewrite", rewrite(edit)},
          {"paraphrase_prompts", edit.rephrasings},
          {"neighborhood_prompts", edit.unrelated},
          {"attribute_prompts", json::array()},
          {"generation_prompts", json::array()},
          {"portability", easyedit_nested(edit)["portability"]}};
}

json mquake(const Edit& edit) {
  json hop = rewrite(edit);
  hop["question"] = edit.rephrasings[1];
  hop["target_new"]["str"] = edit.new_answers[0];
  return {{"requested_rewrite", {hop}},
          {"paraphrase_prompts", edit.rephrasings[0]},
          {"questions", edit.portability},
          {"new_answer", edit.follow[0]},
          {"new_answer_alias", {edit.follow[1]}},
          {"new_single_hops",
           {{{"question", edit.rephrasings[1]},
             {"answer", edit.new_answers[0]},
             {"answer_alias", {edit.new_answers[1]}}}}},
          {"locality", easyedit_nested(edit)["locality"]}};
}

std::vector<json> twelve(const std::function<json(const Edit&)>& form) {
  std::vector<json> records;
  for (int i = 0; i < 12; ++i) records.push_back(form(Edit(i)));
  return records;
}

std::string quoted(const std::string& text) {
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
  return field + "\"";
}

/// Lists as JSON in a cell.
std::string table(const std::vector<json>& records, const std::string& separator,
                  const std::string& line_end) {
  std::string text, row;
  for (const auto& item : records.front().items())
    text += (text.empty() ? "" : separator) + quoted(item.key());
  for (const json& record : records) {
    row.clear();
    for (const json& value : record)
      row += (row.empty() ? "" : separator) +
             quoted(value.is_string() ? value.get<std::string>() : value.dump());
    text += line_end + row;
  }
  return text + line_end;
}

const Texts& expected() {
  static const Texts texts = shown(EditsFile(json(twelve(easyedit_flat)).dump()).read());
  return texts;
}

}  // namespace

TEST_CASE("what the twelve edits say is all there", "[data]") {
  REQUIRE(expected().size() == 12);
  CHECK(json::parse(expected()[3]) ==
        json::parse(R"(["Åke3", "The town of Åke3 is", "Rome3", ["Roma, 3"], "Oslo3",
          ["Christiania"], ["Åke3's town?", "Where does Åke3 live, \"now\"?"],
          [["Bo lives in", ["Rome3", "Roma, 3"]], ["Cy, too, lives in", ["Rome3", "Roma, 3"]]],
          [["The mayor of Åke3's town is", ["Di", "Di Ørn"]], ["Its river?", ["Di", "Di Ørn"]]]])"));
}

TEST_CASE("every form gives the same edits", "[data]") {
  const std::map<std::string, json (*)(const Edit&)> forms = {
      {"knowedit", easyedit_nested}, {"knowedit ", knowedit},       {"zsre", mend},
      {"rome", rome_short},          {"counterfact", rome_counterfact}, {"mquake", mquake}};
  for (const auto& [name, form] : forms) {
    INFO(name);
    const EditFile file = EditsFile(json(twelve(form)).dump()).read();
    CHECK(name.starts_with(file.form));
    CHECK(shown(file) == expected());
    CHECK(file.bad.empty());
    CHECK(file.left_out.empty());
    CHECK(shown(EditsFile(lines(twelve(form))).read({.form = file.form})) == expected());
  }
}

TEST_CASE("every kind of file gives the same edits", "[data]") {
  const std::vector<json> records = twelve(easyedit_flat);
  const auto read = [](const std::string& text, const std::string& ending = ".json") {
    return shown(EditsFile(text, ending).read());
  };
  json named;
  for (std::size_t i = 0; i < records.size(); ++i) named["case" + std::to_string(100 + i)] = records[i];
  CHECK(read(named.dump(1)) == expected());
  // in the file's order, whatever its keys
  std::string reversed = "{";
  for (std::size_t i = 0; i < records.size(); ++i)
    reversed += (i > 0 ? ", \"" : "\"") + std::to_string(20 - i) + "\": " + records[i].dump();
  CHECK(read(reversed + "}") == expected());
  CHECK(read(json{{"version", "1"}, {"data", records}}.dump()) == expected());
  CHECK(read(lines(records), ".jsonl") == expected());
  CHECK(read(json(records).dump(2), "") == expected());
  CHECK(read(table(records, ",", "\n"), ".csv") == expected());
  CHECK(read(table(records, "\t", "\n"), ".tsv") == expected());
  CHECK(read(table(records, ";", "\n"), ".csv") == expected());
  CHECK(read("\xef\xbb\xbf" + table(records, ",", "\r\n"), ".csv") == expected());
  CHECK(read(table(twelve(easyedit_nested), ",", "\n"), ".csv") == expected());
  // A and its ring as two characters
  std::string decomposed = table(records, ",", "\n");
  for (std::size_t at = 0; (at = decomposed.find("Å", at)) != decomposed.npos; ++at)
    decomposed.replace(at, 2, "A\u030a");
  CHECK(read(decomposed, ".csv") == expected());
  CHECK(shown(EditsFile(json(records[0]).dump(3)).read()).front() == expected().front());
}

TEST_CASE("columns of one's own names, and texts between separators", "[data]") {
  std::string text = " who , ask,\"was\",becomes , again,other,others,then\n";
  for (int i = 0; i < 2; ++i) {
    const std::string number = std::to_string(i);
    text += " Ann" + number + ",Ann" + number + " lives | in," + "\u00a0" + "Rome| Roma,Oslo,A" +
            number + "?|Where?,Bo lives in|Cy lives in,Bonn|Bern,1889\n";
  }
  const EditFile file = EditsFile(text, ".csv")
                            .read({.columns = {{"subject", "who"},
                                               {"prompt", "ask"},
                                               {"target_old", "was"},
                                               {"target_new", "becomes"},
                                               {"rephrase", "again"},
                                               {"locality_prompt", "other"},
                                               {"locality_answer", "others"}},
                                   .separator = "|"});
  REQUIRE(file.records.size() == 2);
  const EditRecord& edit = file.records[1];
  CHECK(edit.subject == "Ann1");
  CHECK(edit.prompt == "Ann1 lives | in");
  CHECK(edit.target_old == "Rome");
  CHECK(edit.old_aliases == Texts{"Roma"});
  CHECK(edit.rephrasings == Texts{"A1?", "Where?"});
  REQUIRE(edit.unrelated.size() == 2);
  CHECK(edit.unrelated[1].prompt == "Cy lives in");
  CHECK(edit.unrelated[1].answers == Texts{"Bern"});
  const std::string message = EditsFile("who,asks,becomes\nAnn,Ann lives in,Bonn\n", ".csv")
                                  .message({.columns = {{"prompt", "ask"}, {"target_new", "becomes"}}});
  CHECK_THAT(message, Catch::Matchers::ContainsSubstring("no known form of edits: asks, becomes, who. ") &&
                          Catch::Matchers::ContainsSubstring("There is no 'ask', which data.prompt names."));
  CHECK_THAT(EditsFile(json::array({easyedit("a", "b")}).dump())
                 .message({.columns = {{"rephrase", "again"}}}),
             Catch::Matchers::ContainsSubstring("no record has 'again', which data.rephrase names"));
}

TEST_CASE("what the deck names is read under that name alone", "[data]") {
  json full = easyedit("French", "English"), empty = full, absent = full;
  for (json* record : {&full, &empty}) {
    for (const char* key :
         {"my_new", "my_old", "my_subject", "my_question", "my_answer", "my_rephrasing"})
      (*record)[key] = record == &full ? json(key) : json(" ");
  }
  const std::map<std::string, std::string> columns = {{"target_old", "my_old"},
                                                      {"subject", "my_subject"},
                                                      {"locality_prompt", "my_question"},
                                                      {"locality_answer", "my_answer"},
                                                      {"rephrase", "my_rephrasing"}};
  const EditFile file = EditsFile(lines({full, empty, absent})).read({.columns = columns});
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[0].target_old == "my_old");
  CHECK(file.records[0].subject == "my_subject");
  CHECK(file.records[0].unrelated.at(0).prompt == "my_question");
  CHECK(file.records[0].rephrasings == Texts{"my_rephrasing"});
  for (const std::size_t i : {1U, 2U}) {
    CHECK(file.records[i].target_old.empty());
    CHECK(file.records[i].subject.empty());
    CHECK(file.records[i].unrelated.empty());
    CHECK(file.records[i].rephrasings.empty());
  }
  CHECK(file.not_used.at("'ground_truth'") == 3);
  full["my_prompt"] = "Ann speaks";
  const EditFile asked =
      EditsFile(lines({full, empty, absent}))
          .read({.columns = {{"target_new", "my_new"}, {"prompt", "my_prompt"}}, .bad_records = 1});
  CHECK(asked.records.size() == 1);
  CHECK_THAT(asked.bad.told(), Catch::Matchers::ContainsSubstring("the record has no 'my_prompt'"));
}

TEST_CASE("a deck may call one thing what the forms call another", "[data]") {
  const EditFile back =
      EditsFile(lines({easyedit("French", "English")}))
          .read({.columns = {{"target_new", "ground_truth"}, {"target_old", "target_new"}}});
  const EditFile there = EditsFile(lines({easyedit("French", "English")})).read();
  CHECK(back.records.at(0).target_new == there.records.at(0).target_old);
  CHECK(back.records.at(0).target_old == there.records.at(0).target_new);
}

TEST_CASE("MQuAKE's records are as many edits as they rewrite", "[data]") {
  json record = mquake(Edit(0));
  record["requested_rewrite"].push_back(rewrite(Edit(1)));
  const EditFile file = EditsFile(json::array({mquake(Edit(5)), record}).dump()).read();
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[1].row == 1);
  CHECK(file.records[2].row == 1);
  CHECK(file.records[2].prompt == "The town of Åke1 is");
  for (const EditRecord& edit : file.records) CHECK(edit.portability.size() == 2);
  CHECK(file.read == 2);
  record["requested_rewrite"][1]["question"] = "Where does {} live?";
  record["questions"] = {"In which country does {} live?"};
  const EditRecord asked = EditsFile(json::array({record}).dump()).read().records.at(1);
  CHECK(asked.rephrasings.back() == "Where does Åke1 live?");
  CHECK(asked.portability.back().prompt == "In which country does Åke1 live?");
}
