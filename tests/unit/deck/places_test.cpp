// Paths of a deck: results depend on what lies there.
#include "catch.hpp"
#include "factsweep/deck/deck.hpp"

using namespace factsweep;

TEST_CASE("where things lie is no science, and can be said anew", "[deck]") {
  OptionTable table;
  table.path("run.output", "a.h5", "results", Scope::execution);
  table.path("model.path", no_default, "a model");
  table.paths("grid.model", "", "models");
  const Deck deck = Deck::parse(
      table, "[run]\noutput = a.h5\n[model]\npath = old/a\n[grid]\nmodel = old/b, \"old/c, d\"",
      "a.ini", {});
  CHECK(deck.places() == std::vector<std::string>{"model.path", "grid.model"});
  for (const std::string& key : deck.places()) CHECK(deck.science().count(key) == 0);
  CHECK(deck.places("model.path") == std::vector<std::string>{"old/a"});
  CHECK(deck.places("grid.model") == std::vector<std::string>{"old/b", "old/c, d"});
  const std::vector<std::string> two = {"new/b", "new/c, d \"e\""}, one = {"new a"};
  const Deck moved = deck.with_places("grid.model", two).with_places("model.path", one);
  CHECK(moved.path_list("grid.model") == two);
  CHECK(moved.text("model.path") == "new a");
  CHECK(moved.science() == deck.science());
  CHECK(Deck::parse(table, moved.effective(), "b.ini", {}).path_list("grid.model") == two);
  CHECK_THROWS_AS(deck.with_places("grid.model", one), BugError);
  CHECK_THROWS_AS(deck.with_places("run.output", one), BugError);
  // no stage reads a path that its key does not know
  CHECK_THROWS_AS(deck.only(std::vector<std::string>{"model.path"}).text("model.path"), BugError);
}
