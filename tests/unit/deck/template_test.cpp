// Templates in decks: '#' begins a comment, and stands in many a template.
#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/deck/deck.hpp"

using namespace factsweep;

namespace {

Deck read_text(const std::string& value) {
  OptionTable table;
  table.text("a.template", "chat", "a template");
  table.path("a.path", "", "a path");
  return Deck::read_text(table, "[a]\n" + value, "a.ini", {});
}

std::string message(const std::string& value) {
  try {
    read_text(value);
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
    CHECK(read_text(quoted).text("a.template").size() + 4 > cut.size());
  }
  CHECK(read_text("template = plain   # the paper's").text("a.template") == "plain");
  CHECK(read_text("path = a  # {b}").text("a.path") == "a");
}
