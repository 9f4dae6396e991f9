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
  CHECK(csv_error("a\n\"b\"c,d\n").starts_with("x.csv:2: text follows the quotation mark"));
  CHECK(csv_error("a\n\"b\nc\"d,e\n")
            .starts_with("x.csv:2: a quotation mark opens a field of several"));
}

TEST_CASE("blanks around a quoted field are no part of it", "[data]") {
  CHECK(csv_rows("a, \"b, c\" ,\t\"d\ne\"\n \"f\"\t, g \n") ==
        std::vector<CsvRow>{{1, {"a", "b, c", "d\ne"}}, {3, {"f", " g "}}});
  CHECK(csv_rows("a\t \"b\"\t\n", '\t') == std::vector<CsvRow>{{1, {"a", "b", ""}}});
  // a text that begins with a quoted word, and a mark that none closes
  CHECK(csv_rows("a, \"b\" is, c\nd, \"e\n") ==
        std::vector<CsvRow>{{1, {"a", " \"b\" is", " c"}}, {2, {"d", " \"e"}}});
}

TEST_CASE("every line that a mark too few takes into a field is told", "[data]") {
  const auto read = [](const std::string& text) {
    std::vector<std::int64_t> rows, bad;
    for_each_csv_row(
        text, "x.csv", ',', [&](const auto&, std::int64_t line) { rows.push_back(line); },
        [&](std::int64_t line, const std::string&) { bad.push_back(line); });
    return std::pair{rows, bad};
  };
  using Lines = std::vector<std::int64_t>;
  CHECK(read("a,b\n\"c,d\ne,f\ng,h\n\"i, j\",k\nl,m\n") ==
        std::pair{Lines{1, 6}, Lines{2, 3, 4, 5}});
  CHECK(read("a,b\n\"c\" d,e\nf,g\n") == std::pair{Lines{1, 3}, Lines{2}});
  for (const std::string text : {"a,b\nc,\"d\ne,f\n", "a,b\nc,\"d\ne,f"})
    CHECK(read(text) == std::pair{Lines{1}, Lines{2, 3}});
}
