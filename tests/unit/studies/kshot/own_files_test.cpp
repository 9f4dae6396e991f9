// Of files of one's own: nothing of the test is shown or learnt, nothing is learnt twice, and it is
// said how they were read.
#include <algorithm>

#include "decks.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

bool is_told(const Plan& plan, const std::string& part) {
  return std::any_of(plan.notes.begin(), plan.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

std::vector<std::int64_t> numbers(const Plan& plan, const std::string& path) {
  const auto values = dataset(plan, path).content.as<std::int64_t>();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("kshot: worked examples that the test asks are left out and counted") {
  Decks decks;
  decks.sets["tasks"][0]["worked_examples"] = {{"file", "one_test.json"}, {"rows", {0, 1}}};
  const std::vector<std::string> base = {"--grid.method=base", "--grid.task=one"};
  const Plan without = decks.expand(base);
  CHECK(is_told(without, "task 'one', worked examples: 2 records are left out: asks what a test"));
  decks.sets["tasks"][0].erase("worked_examples");
  CHECK(keys_of(decks.expand(base)) == keys_of(without));
  decks.sets["tasks"][0]["worked_examples"] = {{"file", "one.json"}, {"rows", {0, 1}}};
  CHECK(keys_of(decks.expand(base)) != keys_of(without));
}

TEST_CASE("kshot: a pool does not hold the shots that are learnt beside it") {
  Decks decks;
  const std::vector<std::string> one = {"--grid.method=lora", "--grid.task=one", "--grid.draw=1",
                                        "--grid.budget=4"};
  const auto repeated = [&] { return numbers(decks.expand(one), "/pools/repeated"); };
  CHECK(repeated() == std::vector<std::int64_t>{1});
  decks.sets["pools"]["open"] = {"open.json", "one.json"};
  const Plan plan = decks.expand(one);
  CHECK(numbers(plan, "/pools/repeated") == std::vector<std::int64_t>{1 + 6});
  CHECK(numbers(plan, "/pools/examples") == std::vector<std::int64_t>{30 + 20 - 6});
  CHECK(is_told(plan, "pool 'open': 6 records are left out: asks what a shot asks"));
  decks.sets["pools"]["open"] = {"one.json"};
  decks.sets["tasks"][0]["shots"] = "one.json";
  CHECK_THAT(
      decks.error({"--grid.method=lora", "--grid.task=one", "--grid.budget=4", "--grid.shots=20"}),
      ContainsSubstring("pool 'open': nothing is left"));
}

TEST_CASE("kshot: worked examples come of a file of other names, too") {
  Decks decks;
  decks.write("frage.jsonl", "{\"frage\": \"Why?\", \"antwort\": \"So.\"}\n");
  decks.sets["tasks"][0]["worked_examples"] = {
      {"file", "frage.jsonl"},
      {"rows", {0}},
      {"columns", {{"question", "frage"}, {"answer", "antwort"}}}};
  CHECK(is_told(decks.expand({"--grid.method=base", "--grid.task=one"}),
                "question ('frage' in the file)"));
}

TEST_CASE("kshot: how each file was read is said, and kept") {
  Decks decks;
  const Plan plan = decks.expand({"--grid.method=lora", "--grid.task=one", "--grid.draw=1"});
  CHECK(is_told(plan, "one.json: of the form 'instructions': "));
  const std::vector<std::string> forms = dataset(plan, "/files/form").content.as_text();
  CHECK(forms == std::vector<std::string>(dataset(plan, "/files/name").content.as_text().size(),
                                          "instructions"));
  CHECK_THAT(dataset(plan, "/files/keys").content.as_text().at(0),
             ContainsSubstring("instruction") && ContainsSubstring("output"));
}

TEST_CASE("kshot: shots that the test asks, all of them") {
  Decks decks;
  decks.sets["tasks"][0]["shots"] = "one_test.json";
  CHECK_THAT(decks.error(), ContainsSubstring("has no shot that its test does not ask"));
}

TEST_CASE("kshot: an encoder that is none is refused before the run") {
  Decks decks;
  CHECK_THAT(decks.error({"--augment.encoder=" + model_data("llama-tied").string()}),
             ContainsSubstring("is no encoder that is supported"));
  CHECK_THAT(
      decks.error({"--augment.encoder=" + model_data("../../encoder/data/roberta").string()}),
      ContainsSubstring("no modules.json"));
}
