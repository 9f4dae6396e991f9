// What the deck says a file calls things: read under that name alone, in every form.
#include "catch.hpp"
#include "edit_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
using Counts = std::map<std::string, std::int64_t>;
using Texts = std::vector<std::string>;

TEST_CASE("what the deck names is read under that name alone in every form", "[data]") {
  json record = zsre("Bonn");
  record["mine"] = "Bern";
  const auto read = [&](const std::map<std::string, std::string>& columns) {
    return EditsFile(lines({record})).read({.columns = columns});
  };
  CHECK(read({{"target_old", "answers"}}).records.at(0).target_old == "Oslo");
  CHECK(read({{"target_old", "answers"}}).not_used == Counts{{"'pred'", 1}});
  CHECK(read({{"target_new", "mine"}}).records.at(0).target_new == "Bern");
  const EditFile back = read({{"target_new", "pred"}, {"target_old", "alt"}});
  CHECK(back.records.at(0).target_new == "Rome");
  CHECK(back.records.at(0).target_old == "Bonn");

  record = easyedit("French", "English");
  record["loc"] = "who?";
  record["loc_ans"] = "Cy";
  record["locality"] = {{"kind", {{"prompt", "where?"}, {"ground_truth", "here"}}}};
  record["neighborhood_prompts"] = {"Dan speaks"};
  record["portability"] = {{"kind", {{"prompt", "then?"}, {"ground_truth", "so"}}}};
  record["asked"] = "Eve speaks";
  record["said"] = "Irish";
  EditFile named = read({{"locality_prompt", "asked"}, {"locality_answer", "said"}});
  REQUIRE(named.records.at(0).unrelated.size() == 1);
  CHECK(named.records[0].unrelated[0].prompt == "Eve speaks");
  CHECK(named.records[0].portability.size() == 1);
  CHECK(named.not_used == Counts{{"'loc'", 1},
                                 {"'loc_ans'", 1},
                                 {"'locality'", 1},
                                 {"'locality_ground_truth'", 1},
                                 {"'neighborhood_prompts'", 1}});
  named = read({{"portability_prompt", "asked"}, {"portability_answer", "said"}});
  REQUIRE(named.records.at(0).portability.size() == 1);
  CHECK(named.records[0].portability[0].prompt == "Eve speaks");
  CHECK(named.records[0].unrelated.size() == 4);
}

TEST_CASE("keys inside of a rewrite have the names of their form", "[data]") {
  const json rewrite = {{"prompt", "{} lives in"},
                        {"subject", "Ann"},
                        {"question", "Where is Ann?"},
                        {"target_new", {{"str", "Bonn"}}},
                        {"target_true", {{"str", "Rome"}}}};
  const json one = {{"requested_rewrite", rewrite}, {"paraphrase_prompts", {"Ann is in"}}},
             many = {{"requested_rewrite", {rewrite}},
                     {"questions", {"In which country is Ann?"}},
                     {"new_answer", "Germany"}};
  for (json record : {one, many}) {
    record["mine"] = "Ann sits in";
    const EditsFile file(lines({record}));
    CHECK_THAT(file.message({.columns = {{"target_new", "mine"}}}),
               ContainsSubstring("data.target_new names 'mine', but records of the form"));
    CHECK(file.read({.columns = {{"rephrase", "mine"}}}).records.at(0).rephrasings ==
          Texts{"Ann sits in"});
    record["said"] = "Bavaria";
    const EditRecord ported =
        EditsFile(lines({record}))
            .read({.columns = {{"portability_prompt", "mine"}, {"portability_answer", "said"}}})
            .records.at(0);
    REQUIRE(ported.portability.size() == 1);
    CHECK(ported.portability[0].prompt == "Ann sits in");
  }
}

TEST_CASE("a column's name is one in NFC, too", "[data]") {
  CHECK(EditsFile("prompt,target_new,re\u0301ponse\nA?,b,c\n", ".csv")
            .read({.columns = {{"target_old", "r\u00e9ponse"}}})
            .records.at(0)
            .target_old == "c");
}
