// Tables as text: fields, quotation marks, line ends, and what is no table.
#include "factsweep/data/csv.hpp"

#include <utility>

#include "catch.hpp"
#include "factsweep/core/error.hpp"

using namespace factsweep;

namespace {

using CsvRow = std::pair<std::int64_t, std::vector<std::string>>;

std::vector<CsvRow> csv_rows(const std::string& text, char separator = ',') {
  std::vector<CsvRow> found;
  for_each_csv_row(text, "x.csv", separator,
                   [&](const std::vector<std::string>& fields, std::int64_t line) {
                     found.emplace_back(line, fields);
                   });
  return found;
}

std::string csv_error(const std::string& text) {
  try {
    csv_rows(text);
  } catch (const InputError& failure) {
    return failure.what();
  }
  return "";
}

}  // namespace

TEST_CASE("rows of fields, with the line where each begins", "[data]") {
  CHECK(csv_rows("").empty());
  CHECK(csv_rows("a,b\n1,\n,\n\nlast,c") ==
        std::vector<CsvRow>{{1, {"a", "b"}}, {2, {"1", ""}}, {3, {"", ""}}, {5, {"last", "c"}}});
  CHECK(csv_rows("a,b\r\nc,d\r\n") == csv_rows("a,b\nc,d\n"));
  CHECK(csv_rows("a,b\rc,d\r") == csv_rows("a,b\nc,d\n"));
  CHECK(csv_rows("a\tb, c\n", '\t') == std::vector<CsvRow>{{1, {"a", "b, c"}}});
}

TEST_CASE("a quoted field holds separators, line breaks and marks", "[data]") {
  CHECK(csv_rows("\"a, b\",\"say \"\"x\"\"\",\"\"\n\"two\r\nlines\n\",c\nd,e\"f\" g\n") ==
        std::vector<CsvRow>{
            {1, {"a, b", "say \"x\"", ""}}, {2, {"two\nlines\n", "c"}}, {5, {"d", "e\"f\" g"}}});
  CHECK(csv_error("a,b\nc,\"d\n\ne") ==
        "x.csv:2: a quotation mark opens a field and is never closed.");
  CHECK(csv_error("a\n\"b\nc\"d,e\n").starts_with("x.csv:3: text follows the quotation mark"));
}
