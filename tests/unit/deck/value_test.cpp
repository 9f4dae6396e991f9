// The grammar of values: durations, lists and axes, and what an option table refuses.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "catch.hpp"
#include "factsweep/deck/deck.hpp"

using namespace factsweep;

namespace {

/// A deck of one key "a.b" of the given kind.
Deck deck_of(Kind kind, const std::string& text) {
  OptionTable table;
  table.add({.key = "a.b", .kind = kind, .help = "a value", .required = true});
  return Deck::parse(table, "[a]\nb = " + text, "x.ini", {});
}

double seconds(const std::string& text) {
  return deck_of(Kind::duration, text).seconds("a.b");
}
std::vector<std::int64_t> integers(const std::string& text) {
  return deck_of(Kind::integer_list, text).integer_list("a.b");
}
std::vector<double> reals(const std::string& text) {
  return deck_of(Kind::real_list, text).real_list("a.b");
}

std::string printed(const std::string& text) {
  return fmt::format("{}", fmt::join(reals(text), " "));
}

}  // namespace

TEST_CASE("durations", "[deck]") {
  CHECK(seconds("03:50:00") == 13800);
  CHECK(seconds("100:00:01.5") == 360001.5);
  CHECK(seconds("90 s") == 90);
  CHECK(seconds("90s") == 90);
  CHECK(seconds("5 min") == 300);
  CHECK(seconds("1.5 h") == 5400);
  CHECK(seconds("12.5") == 12.5);
  CHECK(seconds("0") == 0);
  for (const char* text :
       {"3:50", "01:60:00", "01:00:60", "-5", "-1:00:00", "5 minutes", "s", "1e999", "nan", ":"}) {
    INFO(text);
    CHECK_THROWS_AS(seconds(text), InputError);
  }
}

TEST_CASE("integer lists", "[deck]") {
  CHECK(integers("1, 2,3") == std::vector<std::int64_t>{1, 2, 3});
  CHECK(integers("-1..2") == std::vector<std::int64_t>{-1, 0, 1, 2});
  CHECK(integers("7, 1 .. 2") == std::vector<std::int64_t>{7, 1, 2});
  for (const char* text :
       {"", "1,,2", "1,", "1..", "3..1", "1..2..3", "1.5", "1, 1", "0..9999999999", "1 2"}) {
    INFO(text);
    CHECK_THROWS_AS(integers(text), InputError);
  }
  CHECK_THROWS_WITH(integers("1, 2, 1"), "x.ini:2: a.b = 1, 2, 1 has 1 twice.");
  CHECK_THROWS_WITH(integers("1, x"), "x.ini:2: a.b = 1, x has x, which is not an integer.");
}

TEST_CASE("axes have exact end points and print short", "[deck]") {
  CHECK(printed("linear(0, 1, 5)") == "0 0.25 0.5 0.75 1");
  CHECK(printed("linear(0, 1, 11)") == "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
  CHECK(printed("log(1e-3, 1e-1, 3)") == "0.001 0.01 0.1");
  CHECK(printed("log(1e-6, 1e-4, 3)") == "1e-06 1e-05 0.0001");
  CHECK(printed("log(1e-1, 1e-3, 3)") == "0.1 0.01 0.001");
  CHECK(printed("0, linear(0.5, 1, 2)") == "0 0.5 1");
  CHECK(reals("linear(0, 1, 4)")[1] == 1.0 / 3);
  CHECK(reals("-0").front() == 0);
  for (const char* text :
       {"linear(0, 1)", "linear(0, 1, 1)", "linear(0, 1, x)", "linear(0, 1, 3", "log(0, 1, 3)",
        "linear(0, inf, 3)", "log(-1, 1, 3)", "lin(0, 1, 3)", "0.5, 0.50", "linear(0,1,3) 2"}) {
    INFO(text);
    CHECK_THROWS_AS(reals(text), InputError);
  }
  CHECK_THROWS_WITH(reals("log(0, 1, 3)"),
                    "x.ini:2: a.b = log(0, 1, 3) has log(0, 1, 3), but a logarithmic axis needs "
                    "end points above 0: "
                    "write log(first, last, count).");
}

TEST_CASE("an option table refuses a second key and a default against its own rule", "[deck]") {
  OptionTable table;
  table.add({.key = "a.b", .kind = Kind::integer, .fallback = "1", .minimum = 1});
  CHECK_THROWS_AS(table.add({.key = "a.b", .kind = Kind::integer, .fallback = "1"}), BugError);
  CHECK_THROWS_AS(table.add({.key = "a.c", .kind = Kind::integer, .fallback = "0", .minimum = 1}),
                  BugError);
  CHECK_THROWS_AS(table.add({.key = "a.d", .kind = Kind::integer, .fallback = ""}), BugError);
  CHECK_THROWS_AS(table.add({.key = "b", .kind = Kind::text}), BugError);
  CHECK_THROWS_AS(table.add({.key = "a.B", .kind = Kind::text}), BugError);
  CHECK_THROWS_AS(
      table.add({.key = "a.e", .kind = Kind::choice, .fallback = "x", .choices = {"y"}}), BugError);
  CHECK(table.find("a.b") != nullptr);
  CHECK(table.find("a.c") == nullptr);
  CHECK(table.options().size() == 1);
}

TEST_CASE("the choices of a text list bind each of its items", "[deck]") {
  OptionTable table;
  table.add({.key = "a.b",
             .kind = Kind::text_list,
             .fallback = "x",
             .choices = {"x", "y"},
             .help = "letters"});
  CHECK(Deck::parse(table, "a.b = y, x", "x.ini", {}).text_list("a.b") ==
        std::vector<std::string>{"y", "x"});
  CHECK_THROWS_WITH(Deck::parse(table, "a.b = y, z", "x.ini", {}),
                    "x.ini:1: a.b = y, z has z, which is not one of: x, y.");
}
