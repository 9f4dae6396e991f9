// Templates in decks: '#' begins a comment, and stands in many a template.
#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/deck/deck.hpp"

using namespace factsweep;

namespace {

Deck parse(const std::string& value) {
  OptionTable table;
  table.text("a.template", "chat", "a template");
  table.path("a.path", "", "a path");
  return Deck::parse(table, "[a]\n" + value, "a.ini", {});
}

std::string message(const std::string& value) {
  try {
    parse(value);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a '#' never cuts a template without a word", "[deck]") {
  for (const std::string cut : {R"({a}\n### Response:\n)", "# {a}", "Q #{n}: so", "{a} # a word"}) {
    INFO(cut);
    CHECK(message("template = " + cut).find("'#' begins a comment, which would end the template") !=
          std::string::npos);
    const std::string quoted = "template = \"" + cut + "\"  # {b}";
    CHECK(parse(quoted).text("a.template").size() + 4 > cut.size());
  }
  CHECK(parse("template = plain   # the paper's").text("a.template") == "plain");
  CHECK(parse("path = a  # {b}").text("a.path") == "a");
}
