// Templates in decks: '#' begins a comment, and stands in many a template.
#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/deck/deck.hpp"

using namespace factsweep;

namespace {

Deck template_deck(const std::string& value) {
  OptionTable table;
  table.text("a.template", "chat", "a template");
  table.path("a.path", "", "a path");
  return Deck::parse(table, "[a]\n" + value, "a.ini", {});
}

std::string template_message(const std::string& value) {
  try {
    template_deck(value);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a '#' never cuts a template without a word", "[deck]") {
  for (const std::string cut : {R"({a}\n### Response:\n)", "# {a}", "Q #{n}: so", "{a} # a word"}) {
    INFO(cut);
    CHECK(template_message("template = " + cut)
              .find("'#' begins a comment, which would end the template") != std::string::npos);
    const std::string quoted = "template = \"" + cut + "\"  # {b}";
    CHECK(template_deck(quoted).text("a.template").size() + 4 > cut.size());
  }
  CHECK(template_deck("template = plain   # the paper's").text("a.template") == "plain");
  CHECK(template_deck("path = a  # {b}").text("a.path") == "a");
}

TEST_CASE("apostrophes around a text are no quotation marks", "[deck]") {
  for (const std::string value : {R"(template = 'Q: {a}\nA:')", "template = 'chat'", "path = 'a'"})
    CHECK(template_message(value).find("stands between apostrophes") != std::string::npos);
  for (const std::string value : {"“Q: {a}”", "„{a}“", "‘{a}’", "«{a}»", "`{a}`"})
    CHECK(template_message("template = " + value).find("which would belong to it") !=
          std::string::npos);
  CHECK(template_message(R"(template = """{a}""")").find("several quotation marks") !=
        std::string::npos);
  CHECK(template_deck("template = \"“{a}”\"").text("a.template") == "“{a}”");
  CHECK(template_deck("template = \"'{a}'\"").text("a.template") == "'{a}'");
  CHECK(template_deck("template = Q: '{a}'").text("a.template") == "Q: '{a}'");
}
