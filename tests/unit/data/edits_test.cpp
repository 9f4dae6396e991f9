// Editing benchmarks: the three forms, what is left out and counted, messages for files that are
// wrong, and the counts of the real files.
#include "factsweep/data/edits.hpp"

#include <unistd.h>

#include <algorithm>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/data/trim.hpp"
#include "real_data.hpp"

using namespace factsweep;
namespace fs = std::filesystem;
using Counts = std::map<std::string, std::int64_t>;
using nlohmann::json;

namespace {

/// A file of one's own, gone at the end of the test.
class Fixture {
 public:
  explicit Fixture(const std::string& content)
      : path_(fs::temp_directory_path() / ("factsweep_edits_" + std::to_string(::getpid()))) {
    write_file(path_, content);
  }
  ~Fixture() { fs::remove(path_); }
  EditFile read() const { return read_edits(path_); }
  std::string message() const {
    try {
      read();
    } catch (const InputError& error) {
      const std::string text = error.what();
      REQUIRE(text.starts_with(path_.string()));
      return text.substr(path_.string().size());
    }
    return "no error";
  }

 private:
  fs::path path_;
};

json counterfact(const std::string& old_answer, const std::string& new_answer) {
  return {{"case_id", 7},
          {"subject", "Ann"},
          {"prompt", "Ann speaks"},
          {"ground_truth", old_answer},
          {"target_new", new_answer},
          {"rephrase_prompt", "The tongue of Ann is"},
          {"locality_prompt", "Bob speaks"},
          {"locality_ground_truth", "Dutch"}};
}

json zsre(const std::string& alt) {
  return {{"subject", "Ann"},
          {"src", "Where is Ann from?"},
          {"pred", "Rome"},
          {"rephrase", "Ann's town?"},
          {"alt", alt},
          {"answers", {"Oslo"}},
          {"loc", "nq question: who wrote it"},
          {"loc_ans", "Ida"},
          {"cond", "Oslo >> Bonn"}};
}

std::string lines(const std::vector<json>& records) {
  std::string text;
  for (const json& record : records) text += record.dump() + "\n";
  return text;
}

}  // namespace

TEST_CASE("CounterFact's keys", "[data]") {
  const EditFile file = Fixture(json::array({counterfact("French", " English ")}).dump(1)).read();
  CHECK(file.form == "counterfact");
  REQUIRE(file.records.size() == 1);
  const EditRecord& edit = file.records[0];
  CHECK(edit.subject == "Ann");
  CHECK(edit.prompt == "Ann speaks");
  CHECK(edit.target_old == "French");
  CHECK(edit.target_new == "English");  // a blank would be a token of the answer
  CHECK(edit.rephrase == "The tongue of Ann is");
  CHECK(edit.locality_prompt == "Bob speaks");
  CHECK(edit.locality_answer == "Dutch");
  CHECK(file.left_out.empty());
  CHECK(file.not_measured.empty());
  CHECK(file.not_used.empty());
}

TEST_CASE("Unicode's white space at the ends of a text is no part of it", "[data]") {
  json record = counterfact(" Osaka\u00a0", "\u3000Kyoto \t");
  for (const char* key :
       {"subject", "prompt", "rephrase_prompt", "locality_prompt", "locality_ground_truth"})
    record[key] = "\u2003 " + record[key].get<std::string>() + "\n";
  const EditFile file = Fixture(json::array({record}).dump()).read();
  REQUIRE(file.records.size() == 1);
  const EditRecord& edit = file.records[0];
  CHECK(edit.target_old == "Osaka");
  CHECK(edit.target_new == "Kyoto");
  CHECK(edit.subject == "Ann");
  CHECK(edit.prompt == "Ann speaks");
  CHECK(edit.rephrase == "The tongue of Ann is");
  CHECK(edit.locality_prompt == "Bob speaks");
  CHECK(edit.locality_answer == "Dutch");
  // answers that differ in blanks alone do not differ
  CHECK_THAT(Fixture(json::array({counterfact("Rome\u00a0", "Rome")}).dump()).message(),
             Catch::Matchers::ContainsSubstring("1 with the new answer equals the old one"));
  CHECK(trimmed("") == "");
  CHECK(trimmed("\u00a0\u3000 ") == "");
  CHECK(trimmed("\xff a \xe3\x80") == "\xff a \xe3\x80");  // bytes that are no text stay
}

TEST_CASE("{} in a prompt is the subject", "[data]") {
  json record = counterfact("French", "English");
  record["prompt"] = "The mother tongue of {} is";
  record["rephrase_prompt"] = "{}: what does {} speak?";
  const EditFile file = Fixture(json::array({record}).dump()).read();
  CHECK(file.records.at(0).prompt == "The mother tongue of Ann is");
  CHECK(file.records.at(0).rephrase == "Ann: what does Ann speak?");
  record["subject"] = "{}";  // is put in once
  CHECK(Fixture(json::array({record}).dump()).read().records.at(0).prompt ==
        "The mother tongue of {} is");
  record["locality_prompt"] = "{} lives in";
  CHECK_THAT(Fixture(json::array({record}).dump()).message(),
             Catch::Matchers::ContainsSubstring("record 1: the unrelated question '{} lives in'"));
}

TEST_CASE("EasyEdit's neighborhood is an unrelated question", "[data]") {
  json record = {{"subject", "Ann"},
                 {"prompt", "Ann speaks"},
                 {"ground_truth", "French"},
                 {"target_new", "English"}};
  const auto with = [&](const json& neighborhood) {
    json changed = record;
    changed["locality"] = {{"neighborhood", neighborhood}};
    return changed;
  };
  const json spelled = {{"prompt", "Bob speaks"}, {"ground_truth", {"Dutch", "Flemish", "Vlaams"}}},
             other = {{"prompt", "Cy speaks"}, {"ground_truth", "Greek"}};
  const EditFile file =
      Fixture(json::array({with({{"prompt", "Bob speaks"}, {"ground_truth", "Dutch"}}),
                           with({{"prompt", {"Bob speaks", "Cy speaks"}},
                                 {"ground_truth", {"Dutch", json::array({"Greek", "Hellenic"})}}}),
                           with(json::array({spelled, other}))})
                  .dump())
          .read();
  REQUIRE(file.records.size() == 3);
  for (const EditRecord& edit : file.records) {
    CHECK(edit.locality_prompt == "Bob speaks");
    CHECK(edit.locality_answer == "Dutch");
  }
  CHECK(file.not_measured == Counts{{"no rephrasing", 3}});
  CHECK(file.not_used == Counts{{"further unrelated questions", 2},
                                {"further answers to the unrelated question", 1}});
  const json uneven = with({{"prompt", {"a", "b"}}, {"ground_truth", "c"}});
  CHECK_THAT(
      Fixture(json::array({uneven}).dump()).message(),
      Catch::Matchers::ContainsSubstring(
          "record 1, locality.neighborhood: 'prompt' has 2 questions, so 'ground_truth'"));
  record["locality"] = "Bob speaks Dutch";
  CHECK_THAT(Fixture(json::array({record}).dump()).message(),
             Catch::Matchers::ContainsSubstring("'locality' is no object"));
}

TEST_CASE("what a record has beyond what is read is counted, not passed over", "[data]") {
  json rich = counterfact("French", "English");
  rich["rephrase_prompt"] = {"The tongue of Ann is", "Ann talks in", " "};
  rich["rephrase"] = "Ann's language:";
  rich["target_new"] = {"English", "British English"};
  rich["ground_truth"] = {"French", "French "};  // the same
  rich["loc"] = "Cy speaks";
  rich["loc_ans"] = "Greek";
  rich["paraphrase_prompts"] = {"x", "y"};
  json moved = counterfact("French", "English");
  moved["portability"] = {{"Reasoning", {{{"prompt", "?"}, {"ground_truth", "!"}}}}};
  json empty = counterfact("French", "English");
  empty["portability"] = {{"Reasoning", json::array()}};
  const EditFile file = Fixture(json::array({rich, moved, empty}).dump()).read();
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[0].rephrase == "The tongue of Ann is");
  CHECK(file.records[0].target_new == "English");
  CHECK(file.not_used == Counts{{"further rephrasings", 1},
                                {"further new answers", 1},
                                {"further unrelated questions", 1},
                                {"'paraphrase_prompts'", 1},
                                {"'portability'", 1}});
  CHECK(file.not_measured.empty());
  json two = counterfact("French", "English");
  two["prompt"] = {"Ann speaks", "Ann likes"};
  CHECK_THAT(Fixture(json::array({two}).dump()).message(),
             Catch::Matchers::ContainsSubstring("record 1: 'prompt' has 2 different texts"));
}

TEST_CASE("a byte-order mark is no part of a file, in every form", "[data]") {
  const std::string mark = "\xef\xbb\xbf";
  const json records = json::array({counterfact("French", "Dutch"), counterfact("Basque", "Irish")});
  CHECK(Fixture(mark + records.dump(1)).read().records.size() == 2);
  CHECK(Fixture(mark + records.dump()).read().records.size() == 2);
  CHECK(Fixture(mark + lines({records[0], records[1]})).read().records.size() == 2);
}

TEST_CASE("what is no record is quoted in part", "[data]") {
  const std::string message =
      Fixture(json::array({json(std::string(9000, 'x'))}).dump()).message();
  CHECK(message.find("is no JSON object but \"xxx") != std::string::npos);
  CHECK(message.size() < 400);
}

TEST_CASE("ZsRE's old answer is pred, also in JSON lines and with loc-ans", "[data]") {
  json dashed = zsre("Bonn");
  dashed["loc-ans"] = dashed["loc_ans"];
  dashed.erase("loc_ans");
  const EditFile file = Fixture("\n" + lines({zsre("Bonn"), dashed})).read();
  CHECK(file.form == "zsre");
  REQUIRE(file.records.size() == 2);
  for (const EditRecord& edit : file.records) {
    CHECK(edit.prompt == "Where is Ann from?");
    CHECK(edit.target_old == "Rome");
    CHECK(edit.target_new == "Bonn");
    CHECK(edit.rephrase == "Ann's town?");
    CHECK(edit.locality_prompt == "nq question: who wrote it");
    CHECK(edit.locality_answer == "Ida");
  }
  CHECK(file.records[1].row == 1);
}

TEST_CASE("KnowEdit: lists of spellings, nested locality, other names", "[data]") {
  const json wiki = {
      {"subject", "Leo"},
      {"prompt", "Leo died in"},
      {"target_new", "Berlin"},
      {"ground_truth", json::array({"Rome", "Roma"})},
      {"rephrase", "Leo's place of death is"},
      {"portability", json::object()},
      {"locality",
       {{"Relation_Specificity",
         {{{"prompt", "Leo's father is"}, {"ground_truth", json::array({{"Al", "Albert", "A."}})}},
          {{"prompt", "Leo's field is"}, {"ground_truth", {{"physics"}}}}}}}}};
  json forgetful = wiki;
  forgetful["locality"] = {
      {"Relation_Specificity", json::array()},
      {"Forgetfulness", {{{"prompt", "Not Berlin but"}, {"ground_truth", "Rome"}}}}};
  forgetful.erase("rephrase");
  json alone = wiki;
  alone["locality"] = json::object();
  alone["rephrase_prompt"] = "Where?";
  json bio = {{"concept", "Leo"},
              {"text", "About Leo."},
              {"labels", "He died."},
              {"locality", json::object()}};
  const EditFile file = Fixture(json::array({wiki, forgetful, alone, bio}).dump()).read();
  CHECK(file.form == "knowedit");
  REQUIRE(file.records.size() == 3);
  CHECK(file.records[0].target_old == "Rome");
  CHECK(file.records[0].rephrase == "Leo's place of death is");
  CHECK(file.records[0].locality_prompt == "Leo's father is");
  CHECK(file.records[0].locality_answer == "Al");
  CHECK(file.records[1].locality_prompt == "Not Berlin but");
  CHECK(file.records[1].locality_answer == "Rome");
  CHECK(file.records[2].rephrase == "Where?");
  CHECK(file.records[2].locality_prompt.empty());
  CHECK(file.left_out ==
        Counts{{"no old answer", 1}});  // bio: its labels were read, nothing to forget
  CHECK(file.not_measured == Counts{{"no locality prompt", 1}, {"no rephrasing", 1}});
  CHECK(file.not_used == Counts{{"further answers to the unrelated question", 1},
                                {"further old answers", 3},
                                {"further rephrasings", 1},
                                {"further unrelated questions", 1}});
}

TEST_CASE("what cannot be an edit is left out and counted, what cannot be measured kept",
          "[data]") {
  json quiet = counterfact("French", "Dutch");
  quiet["locality_prompt"] = " ";
  quiet["rephrase_prompt"] = nullptr;
  json unanswered = counterfact("French", "Dutch");
  unanswered.erase("locality_ground_truth");
  const EditFile file = Fixture(json::array({counterfact("French", ""),
                                             counterfact("French", " \n"), counterfact("", "Dutch"),
                                             counterfact("French", " French"), quiet, unanswered})
                                    .dump())
                            .read();
  CHECK(file.left_out == Counts{{"no new answer", 2},
                                {"no old answer", 1},
                                {"the new answer equals the old one", 1}});
  CHECK(file.not_measured == Counts{{"no locality prompt", 2}, {"no rephrasing", 1}});
  REQUIRE(file.records.size() == 2);
  CHECK(file.records[0].row == 4);
  for (const EditRecord& edit : file.records) {
    CHECK(edit.locality_prompt.empty());
    CHECK(edit.locality_answer.empty());
  }
}

TEST_CASE("messages name file, record, line and key", "[data]") {
  json keyless = counterfact("French", "Dutch"), number = keyless, blank = keyless;
  keyless.erase("ground_truth");
  number["target_new"] = 1889;
  blank["prompt"] = "";
  const json good = counterfact("French", "Dutch");
  CHECK(Fixture(json::array({good, keyless}).dump()).message() ==
        ": record 2 has no 'ground_truth', which every record of the form 'counterfact' has. The "
        "first record told the form.");
  CHECK(Fixture(lines({good}) + "\n" + lines({number})).message() ==
        ":3: record 2: 'target_new' = 1889 is not a text. Quote it.");
  CHECK(Fixture(json::array({blank}).dump()).message() ==
        ": record 1: 'prompt' is empty. Fill it, or remove the record.");
  CHECK(Fixture(json::array({good, zsre("Bonn")}).dump())
            .message()
            .starts_with(": record 2 has no 'prompt'"));
  CHECK(Fixture("[3]").message() == ": record 1 is no JSON object but 3.");
  CHECK_THAT(
      Fixture(lines({{{"question", "?"}}})).message(),
      Catch::Matchers::ContainsSubstring(":1: record 1: the record is none of the known forms."));
  CHECK_THAT(Fixture(lines({{{"requested_rewrite", json::object()}}})).message(),
             Catch::Matchers::ContainsSubstring("ROME's form"));
  CHECK(Fixture(json::array({counterfact("a", "a"), counterfact("a", "")}).dump()).message() ==
        ": none of its 2 records can be used: 1 with no new answer, 1 with the new answer equals "
        "the old one. An edit needs an old and a new answer that differ.");
  CHECK_THAT(Fixture("").message(), Catch::Matchers::ContainsSubstring("none of its 0 records"));
  json flat = {{"subject", "a"}, {"prompt", "b"}, {"target_new", "c"}, {"ground_truth", "d"}};
  flat["locality"] = {{"Relation_Specificity", {"e"}}};
  CHECK_THAT(Fixture(json::array({flat}).dump()).message(),
             Catch::Matchers::ContainsSubstring(
                 "record 1, locality.Relation_Specificity[0] is no object"));
}

TEST_CASE("CounterFact's real files, as counted by Python's json", "[real]") {
  for (const char* name :
       {"counterfact/counterfact-edit.json", "counterfact/counterfact-train.json"}) {
    const fs::path path = test::real_data(name);
    if (!test::is_here(path.string() + ".gz")) return;
    const EditFile file = read_edits(path);
    CHECK(file.form == "counterfact");
    CHECK(file.records.size() == 10000);
    CHECK(file.left_out.empty());
    CHECK(file.not_measured.empty());
  }
}

TEST_CASE("ZsRE's real file, as counted by Python's json", "[real]") {
  const fs::path path = test::real_data("zsre/zsre_mend_train-1k.json");
  if (!test::is_here(path.string() + ".gz")) return;
  const EditFile file = read_edits(path);
  CHECK(file.form == "zsre");
  CHECK(file.records.size() == 998);
  CHECK(file.left_out == Counts{{"no new answer", 2}});
  CHECK(std::all_of(file.records.begin(), file.records.end(), [](const EditRecord& edit) {
    return edit.locality_prompt.starts_with("nq question: ") &&
           edit.prompt.find(edit.subject) != std::string::npos;
  }));
}
