// What tests/support/check_skip.cmake runs by themselves: cases that are skipped, pass and fail.
#include "skip.hpp"

#include "catch.hpp"

using namespace factsweep::test;

TEST_CASE("one that is skipped", "[.][skips]") {
  return skip("on purpose");
}

TEST_CASE("one that passes", "[.][passes]") {
  CHECK(true);
}

TEST_CASE("one that fails", "[.][fails]") {
  CHECK(false);
}
