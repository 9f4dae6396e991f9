// Edits: what is read of a record, what is left out and counted, what is said of files that are
// wrong, and the counts of the real files.
#include "factsweep/data/edits.hpp"

#include <algorithm>

#include "catch.hpp"
#include "edit_files.hpp"
#include "factsweep/data/trim.hpp"
#include "real_data.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Counts = std::map<std::string, std::int64_t>;

TEST_CASE("EasyEdit's flat keys", "[data]") {
  const EditFile file = EditsFile(json::array({easyedit("French", " English ")}).dump(1)).read();
  CHECK(file.form == "easyedit");
  REQUIRE(file.records.size() == 1);
  const EditRecord& edit = file.records[0];
  CHECK(edit.subject == "Ann");
  CHECK(edit.prompt == "Ann speaks");
  CHECK(edit.target_old == "French");
  CHECK(edit.target_new == "English");  // a blank would be a token of the answer
  CHECK(edit.rephrasings == std::vector<std::string>{"The tongue of Ann is"});
  REQUIRE(edit.unrelated.size() == 1);
  CHECK(edit.unrelated[0].prompt == "Bob speaks");
  CHECK(edit.unrelated[0].answers == std::vector<std::string>{"Dutch"});
  CHECK(edit.portability.empty());
  CHECK(file.left_out.empty());
  CHECK(file.bad.empty());
  CHECK(file.not_measured.empty());
  CHECK(file.not_used.empty());
}

TEST_CASE("Unicode's white space at the ends of a text is no part of it", "[data]") {
  json record = easyedit(" Osaka\u00a0", "\u3000Kyoto \t");
  for (const char* key :
       {"subject", "prompt", "rephrase_prompt", "locality_prompt", "locality_ground_truth"})
    record[key] = "\u2003 " + record[key].get<std::string>() + "\n";
  const EditFile file = EditsFile(json::array({record}).dump()).read();
  REQUIRE(file.records.size() == 1);
  const EditRecord& edit = file.records[0];
  CHECK(edit.target_old == "Osaka");
  CHECK(edit.target_new == "Kyoto");
  CHECK(edit.subject == "Ann");
  CHECK(edit.prompt == "Ann speaks");
  CHECK(edit.rephrasings.at(0) == "The tongue of Ann is");
  CHECK(edit.unrelated.at(0).prompt == "Bob speaks");
  CHECK(edit.unrelated.at(0).answers.at(0) == "Dutch");
  // answers that differ in blanks alone do not differ
  CHECK_THAT(
      EditsFile(json::array({easyedit("Rome\u00a0", "Rome")}).dump()).message(),
      Catch::Matchers::ContainsSubstring("1 of them: the new answer equals the old one"));
  CHECK(trimmed("") == "");
  CHECK(trimmed("\u00a0\u3000 ") == "");
  CHECK(trimmed("\xff a \xe3\x80") == "\xff a \xe3\x80");  // bytes that are no text stay
}

TEST_CASE("a letter and its mark are one character, however they are written", "[data]") {
  CHECK(nfc("Zu\u0308rich A\u030a \u1e9b\u0323") == "Z\u00fcrich \u00c5 \u1e9b\u0323");
  CHECK(nfc("Zürich") == "Zürich");
  CHECK(nfc("\u212b") == "\u00c5");
  CHECK(nfc("a\xff u\u0308") == "a\xff u\u0308");
  json record = easyedit("French", "English");
  record["subject"] = "Zoe\u0308";
  record["prompt"] = "Zo\u00eb speaks";
  const EditFile file = EditsFile(json::array({record}).dump()).read();
  CHECK(file.records.at(0).prompt.find(file.records.at(0).subject) == 0);
}

TEST_CASE("{} in a prompt is the subject", "[data]") {
  json record = easyedit("French", "English");
  record["prompt"] = "The mother tongue of {} is";
  record["rephrase_prompt"] = "{}: what does {} speak?";
  record["portability_prompt"] = "{}'s country speaks";
  record["portability_answer"] = "Basque";
  const EditFile file = EditsFile(json::array({record}).dump()).read();
  CHECK(file.records.at(0).prompt == "The mother tongue of Ann is");
  CHECK(file.records.at(0).rephrasings.at(0) == "Ann: what does Ann speak?");
  CHECK(file.records.at(0).portability.at(0).prompt == "Ann's country speaks");
  record["subject"] = "{}";  // is put in once
  CHECK(EditsFile(json::array({record}).dump()).read().records.at(0).prompt ==
        "The mother tongue of {} is");
  record["subject"] = "";
  CHECK_THAT(EditsFile(json::array({record}).dump()).message(),
             Catch::Matchers::ContainsSubstring("{} stands for a subject, and there is none"));
  record["subject"] = "Ann";
  record["locality_prompt"] = "{} lives in";
  CHECK_THAT(EditsFile(json::array({record}).dump()).message(),
             Catch::Matchers::ContainsSubstring("an unrelated question has {}"));
}

TEST_CASE("what other programs write for the subject is not taken for a text", "[data]") {
  for (const std::string place : {"[X]", "{subject}", "{0}", "{ }", "<subject>", "[subj]"}) {
    for (const char* key : {"prompt", "rephrase_prompt", "portability_prompt"}) {
      json record = easyedit("French", "English");
      record["portability_answer"] = "Basque";
      record[key] = place + " speaks";
      CHECK_THAT(
          EditsFile(json::array({record}).dump()).message(),
          Catch::Matchers::ContainsSubstring("'" + place + "' is not the subject. Write {}"));
    }
  }
  const auto message_of = [](const char* key, const std::string& text) {
    json record = easyedit("French", "English");
    record[key] = text;
    return EditsFile(json::array({record}).dump()).message();
  };
  CHECK(message_of("prompt", "Ann, who wrote \"{0} [x]\", speaks") == "no error");
  CHECK(message_of("prompt", "The square x^{nn} of \\frac{ab}{c} is") == "no error");
  for (const std::string place : {"{entity}", "{ sub }", "<X>", "[sub]"})
    CHECK_THAT(message_of("prompt", "Does " + place + " speak"),
               Catch::Matchers::ContainsSubstring("'" + place + "' is not the subject"));
  for (const std::string place : {"[X]", "{subject}"})
    CHECK_THAT(message_of("locality_prompt", place + " speaks"),
               Catch::Matchers::ContainsSubstring("an unrelated question has " + place +
                                                  ", but it is not"));
  for (const char* key : {"prompt", "rephrase_prompt", "locality_prompt"})
    CHECK_THAT(message_of(key, "Ann speaks [Y] ."),
               Catch::Matchers::ContainsSubstring("'[Y]' is the place of an answer"));
}

TEST_CASE("questions by name: each a prompt and answers, one or many", "[data]") {
  json record = {{"subject", "Ann"},
                 {"prompt", "Ann speaks"},
                 {"ground_truth", "French"},
                 {"target_new", "English"}};
  const auto with = [&](const json& neighborhood) {
    json changed = record;
    changed["locality"] = {{"neighborhood", neighborhood}};
    return changed;
  };
  const json spelled = {{"prompt", "Bob speaks"}, {"ground_truth", {"Dutch", "Flemish"}}},
             other = {{"prompt", "Cy speaks"}, {"ground_truth", "Greek"}};
  const EditFile file =
      EditsFile(json::array({with({{"prompt", "Bob speaks"}, {"ground_truth", "Dutch"}}),
                             with({{"prompt", {"Bob speaks", "Cy speaks"}},
                                   {"ground_truth", {"Dutch", json::array({"Greek", "Koine"})}}}),
                             with(json::array({spelled, other})),
                             with({{"prompt", {"Bob speaks", "Cy speaks"}},
                                   {"ground_truth", "Dutch"}})})
                    .dump())
          .read();
  REQUIRE(file.records.size() == 4);
  for (const EditRecord& edit : file.records) {
    CHECK(edit.unrelated.at(0).prompt == "Bob speaks");
    CHECK(edit.unrelated.at(0).answers.at(0) == "Dutch");
  }
  CHECK(file.records[1].unrelated.at(1).answers == std::vector<std::string>{"Greek", "Koine"});
  CHECK(file.records[2].unrelated.at(1).answers == std::vector<std::string>{"Greek"});
  CHECK(file.records[3].unrelated.at(1).answers == std::vector<std::string>{"Dutch"});
  CHECK(file.not_measured == Counts{{"no rephrasing", 4}});
  CHECK(file.not_used == Counts{{"further answers to an unrelated question", 2}});
  const json uneven = with({{"prompt", {"a", "b"}}, {"ground_truth", json::array({"c"})}});
  CHECK_THAT(EditsFile(json::array({uneven}).dump()).message(),
             Catch::Matchers::ContainsSubstring("'prompt' has several questions, so 'ground_truth'"));
  record["locality"] = "Bob speaks Dutch";
  CHECK_THAT(EditsFile(json::array({record}).dump()).message(),
             Catch::Matchers::ContainsSubstring("'locality' has what is no object"));
  // EasyEdit's file of portability
  json ported = easyedit("French", "English");
  ported["portability"] = {{"Recalled Relation", "(Ann, tongue, English)"},
                           {"New Question", "Ann's tongue comes from"},
                           {"New Answer", "England"}};
  const EditFile moved = EditsFile(json::array({ported}).dump()).read();
  CHECK(moved.records.at(0).portability.at(0).prompt == "Ann's tongue comes from");
  CHECK(moved.records.at(0).portability.at(0).answers == std::vector<std::string>{"England"});
}

TEST_CASE("all answers and rephrasings of a record are read", "[data]") {
  json rich = easyedit("French", "English");
  rich["rephrase_prompt"] = {"The tongue of Ann is", "Ann talks in", " "};
  rich["rephrase"] = "Ann's language:";
  rich["target_new"] = {"English", "British English"};
  rich["ground_truth"] = {"French", "French "};  // the same
  rich["loc"] = "Cy speaks";
  rich["loc_ans"] = "Greek";
  rich["generation_prompts"] = {"x", "y"};
  rich["portability"] = {{"Reasoning", json::array()}};
  rich["year"] = 3.5;
  const EditFile file = EditsFile(json::array({rich}).dump()).read();
  const EditRecord& edit = file.records.at(0);
  CHECK(edit.rephrasings == std::vector<std::string>{"The tongue of Ann is", "Ann talks in",
                                                     "Ann's language:"});
  CHECK(edit.target_new == "English");
  CHECK(edit.new_aliases == std::vector<std::string>{"British English"});
  CHECK(edit.old_aliases.empty());
  CHECK(edit.unrelated.size() == 2);
  CHECK(edit.portability.empty());
  CHECK(file.not_used == Counts{{"'generation_prompts'", 1}});
  json two = easyedit("French", "English");
  two["prompt"] = {"Ann speaks", "Ann likes"};
  CHECK_THAT(EditsFile(json::array({two}).dump()).message(),
             Catch::Matchers::ContainsSubstring("'prompt' has several texts"));
  json year = easyedit("1888", "");
  year["target_new"] = 1889;
  CHECK(EditsFile(json::array({year}).dump()).read().records.at(0).target_new == "1889");
}

TEST_CASE("ZsRE's old answer is pred, also in JSON lines and with loc-ans", "[data]") {
  json dashed = zsre("Bonn");
  dashed["loc-ans"] = dashed["loc_ans"];
  dashed.erase("loc_ans");
  const EditFile file = EditsFile("\n" + lines({zsre("Bonn"), dashed})).read();
  CHECK(file.form == "zsre");
  REQUIRE(file.records.size() == 2);
  for (const EditRecord& edit : file.records) {
    CHECK(edit.prompt == "Where is Ann from?");
    CHECK(edit.target_old == "Rome");
    CHECK(edit.target_new == "Bonn");
    CHECK(edit.rephrasings.at(0) == "Ann's town?");
    CHECK(edit.unrelated.at(0).prompt == "nq question: who wrote it");
    CHECK(edit.unrelated.at(0).answers.at(0) == "Ida");
  }
  CHECK(file.records[1].row == 1);
}

TEST_CASE("what is no edit is left out and counted, what is not measured kept", "[data]") {
  json quiet = easyedit("French", "Dutch");
  quiet["locality_prompt"] = " ";
  quiet["rephrase_prompt"] = nullptr;
  json unanswered = easyedit("French", "Dutch");
  unanswered.erase("locality_ground_truth");
  json unknown = easyedit("", "Dutch");
  const EditFile file =
      EditsFile(json::array({easyedit("French", ""), easyedit("French", " \n"), unknown,
                             easyedit("French", " French"), quiet, unanswered})
                    .dump(1))
          .read();
  CHECK(numbers(file.bad) ==
        Counts{{"no new answer", 2}, {"the new answer equals the old one", 1}});
  CHECK(file.left_out.empty());
  CHECK(file.not_measured ==
        Counts{{"no locality prompt that can be used", 2}, {"no rephrasing", 1}});
  CHECK(numbers(file.questions) ==
        Counts{{"a locality prompt has no answer", 1}, {"a locality prompt is empty", 1}});
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[0].target_old.empty());  // methods that forget nothing need none
  CHECK(file.records[1].row == 4);
  for (const EditRecord& edit : std::span(file.records).last(2)) CHECK(edit.unrelated.empty());
  EditFile kept = file;
  leave_out(kept, [](const EditRecord& edit) { return edit.target_old.empty() ? "none" : ""; });
  CHECK(kept.records.size() == 2);
  CHECK(numbers(kept.left_out).at("none") == 1);
  CHECK_THAT(kept.left_out.reasons().at("none").first.at(0),
             Catch::Matchers::EndsWith(":22: record 3"));
}

TEST_CASE("records with one prompt are counted, and dropped where the deck says so", "[data]") {
  json other = easyedit("Basque", "Irish"), longer = other;
  other["prompt"] = "Bo speaks";
  longer["prompt"] = "Cy speaks";
  const std::string text = lines({easyedit("French", "Dutch"), other, easyedit("French", "Dutch"),
                                  longer, easyedit("French", "Greek"), other});
  const EditFile kept = EditsFile(text).read();
  CHECK(kept.records.size() == 6);
  CHECK(numbers(kept.repeated) ==
        Counts{{"the prompt is that of another record, the new answer is not", 3},
               {"prompt and new answer are those of an earlier record", 1}});
  const EditFile dropped = EditsFile(text).read({.repeated = RepeatedEdits::drop});
  REQUIRE(dropped.records.size() == 2);
  CHECK(dropped.records[0].prompt == "Bo speaks");
  CHECK(dropped.records[1].prompt == "Cy speaks");
  CHECK(dropped.repeated.empty());
  CHECK(dropped.left_out.records() == 4);
}

TEST_CASE("CounterFact's real files, as counted by Python's json", "[real]") {
  for (const auto& [name, repeated] : {std::pair{"counterfact/counterfact-edit.json", 15},
                                       {"counterfact/counterfact-train.json", 13}}) {
    const std::filesystem::path path = real_data(name);
    if (!is_here(path.string() + ".gz")) return;
    const EditFile file = read_edits(path);
    CHECK(file.form == "easyedit");
    CHECK(file.records.size() == 10000);
    CHECK(file.left_out.empty());
    CHECK(file.bad.empty());
    CHECK(file.not_used.empty());
    CHECK(file.not_measured == Counts{{"no rephrasing that can be used", repeated}});
    CHECK(numbers(file.questions) == Counts{{"a rephrasing is the prompt itself", repeated}});
    CHECK(std::all_of(file.records.begin(), file.records.end(), [](const EditRecord& edit) {
      return edit.rephrasings.size() == (edit.lost_rephrasings ? 0 : 1) &&
             edit.unrelated.size() == 1;
    }));
  }
}

TEST_CASE("ZsRE's real file, as counted by Python's json", "[real]") {
  const std::filesystem::path path = real_data("zsre/zsre_mend_train-1k.json");
  if (!is_here(path.string() + ".gz")) return;
  const EditFile file = read_edits(path);
  CHECK(file.form == "zsre");
  CHECK(file.records.size() == 998);
  CHECK(file.not_used.empty());
  CHECK(numbers(file.bad) == Counts{{"no new answer", 2}});
  CHECK(std::all_of(file.records.begin(), file.records.end(), [](const EditRecord& edit) {
    return edit.unrelated.at(0).prompt.starts_with("nq question: ") &&
           edit.prompt.find(edit.subject) != std::string::npos;
  }));
}
