// Values are those of SQuAD's evaluate-v2.0.py.
#include "factsweep/data/squad_words.hpp"

#include "catch.hpp"

using namespace factsweep;

TEST_CASE("word F1 is SQuAD's") {
  const auto f1 = [](std::string_view answer, std::string_view gold) {
    return word_f1(squad_words(answer), squad_words(gold));
  };
  CHECK(f1("The Eiffel Tower", "eiffel tower") == 1);
  CHECK(f1("Paris, France", "Paris") == Approx(2 / 3.0));
  CHECK(f1("New York City", "New York") == Approx(0.8));
  CHECK(f1("no no no", "no way") == Approx(0.4));  // a word counts as often as both have it
  CHECK(f1("U.S.", "US") == 1);
  CHECK(f1("Saint-\u00c9tienne", "\u00c9tienne") == 0);
  CHECK(f1("\u00c9tienne the great", "great \u00c9tienne of") == Approx(0.8));
  CHECK(f1("E\u0301tienne", "\u00e9tienne") == 1);  // NFD is the same answer
  CHECK(f1("the", "A") == 1);
  CHECK(f1("", "Rome") == 0);
  CHECK(f1("Rome\nParis", "Rome") == 1);  // an answer ends with its line
}
