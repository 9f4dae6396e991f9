// What is said of a user's JSON file.
#include "factsweep/core/json_node.hpp"

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/core/file.hpp"

using namespace factsweep;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a key that is there twice is no key of JSON's", "[core]") {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "factsweep_json_once";
  std::filesystem::create_directories(folder);
  const auto said = [&](const std::string& text) -> std::string {
    write_file(folder / "a.json", text);
    try {
      return read_json_once(folder / "a.json").dump();
    } catch (const InputError& error) {
      return error.what();
    }
  };
  CHECK(said(R"({"a": [{"b": 1}, {"b": 2}], "c": {"a": 3}})") ==
        R"({"a":[{"b":1},{"b":2}],"c":{"a":3}})");
  CHECK_THAT(said(R"({"a": [{"b": 1, "b": 2}]})"),
             ContainsSubstring("a.json: the key 'b' is there twice"));
  CHECK_THAT(said(R"({"a": 1, "c": {}, "a": 1})"), ContainsSubstring("the key 'a'"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("what a JSON file lacks is said with its place", "[core]") {
  const auto json = nlohmann::json::parse(
      R"({"name": "a", "empty": "", "many": 3, "less": -1, "yes": true, "list": [{"one": 1}, 2]})");
  const JsonNode node{json, "sets.json"};
  CHECK(node.text("name") == "a");
  CHECK(node.text_or("other", "else") == "else");
  CHECK(node.count("many", 7) == 3);
  CHECK(node.count("other", 7) == 7);
  CHECK(node.flag("yes", false));
  CHECK_FALSE(node.flag("other", false));
  CHECK(node.list("other").empty());
  REQUIRE(node.list("list").size() == 2);
  const auto said = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const InputError& error) {
      return error.what();
    }
    return "nothing";
  };
  CHECK_THAT(said([&] { node.text("empty"); }), ContainsSubstring("sets.json needs a string"));
  CHECK_THAT(said([&] { node.count("less", 0); }), ContainsSubstring("as 'less'"));
  CHECK_THAT(said([&] { node.flag("many", false); }), ContainsSubstring("true or false"));
  CHECK_THAT(said([&] { node.list("name"); }), ContainsSubstring("a list 'name'"));
  CHECK_THAT(said([&] { node.list("list")[1].allow({}); }),
             ContainsSubstring("sets.json: list[1] is no object"));
  CHECK_THAT(said([&] { node.list("list")[0].allow({"two"}); }),
             ContainsSubstring("unknown key 'one'") && ContainsSubstring("Known: two"));
}
