// Gold answers that are numbers: what is one, and what a reader makes of a record without one.
#include <filesystem>
#include <fstream>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "factsweep/tasks/read_tasks.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

TEST_CASE("a gold answer is a number as a whole, or none") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"72", "72"},
      {" 1,200\n", "1200"},
      {"1,234,567.25", "1234567.25"},
      {"12 000", "12000"},
      {"12\u202f000", "12000"},
      {"-3", "-3"},
      {"\u22123", "-3"},
      {"+3", "3"},
      {"$-5", "-5"},
      {"-$5.50", "-5.50"},
      {".5", "0.5"},
      {"3/4", "3/4"},
      {"\u22121/2", "-1/2"},
      {"", ""},
      {"12 apples", ""},
      {"5%", ""},
      {"3 or 4", ""},
      {"3/0", ""},
      {"3/4/5", ""},
      {"1 3/4", ""},
      {"1,2,3", ""},
      {"12 00", ""},
      {"1234,567", ""},
      {"1.2.3", ""},
      {"--3", ""},
      {"-", ""},
      {".", ""},
      {"x", ""},
  };
  for (const auto& [text, number] : cases) {
    INFO(text);
    CHECK(whole_number(text) == number);
  }
  CHECK(number_value("-3/4") == -0.75);
  const TaskExample part{.output = "x", .answer = "3/4"};
  const auto is_right = [&](const std::string& text) {
    return answer_matches(TaskKind::number, part, extract_answer(TaskKind::number, part, text));
  };
  CHECK(is_right("It is 3/4."));
  CHECK(is_right("It is 6/8."));
  CHECK(is_right("It is 0.75"));
  CHECK_FALSE(is_right("It is 4"));
  CHECK_FALSE(is_right("It is 3/0"));
}

TEST_CASE("a gold number is read whole, or its record is refused by number") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder / name) << text;
    return folder / name;
  };
  const auto gsm8k = [&](const std::string& gold) {
    return write("train.jsonl", R"({"question": "?", "answer": "So.\n#### 1"})"
                                "\n"
                                R"({"question": "?", "answer": "#### Step 1\n#### )" +
                                    gold + "\"}");
  };
  const auto gold = [](const fs::path& file) { return read_task_set(file).examples.back().answer; };
  for (const auto& [text, number] : std::vector<std::pair<std::string, std::string>>{
           {"\u22123", "-3"}, {"12 000", "12000"}, {"3/4", "3/4"}, {"$1,200", "1200"}}) {
    const fs::path file = gsm8k(text);
    CHECK(gold(file) == number);
    const TaskExample example = read_task_set(file).examples.back();
    CHECK(answer_matches(TaskKind::number, example,
                         extract_answer(TaskKind::number, example, example.output)));
  }
  for (const char* text : {"12 apples", "3 or 4", "many"}) {
    const fs::path file = gsm8k(text);
    const TaskSet set = read_task_set(file);
    CHECK(set.examples.size() == 1);
    CHECK_THAT(set.bad.told(), Catch::Matchers::ContainsSubstring("train.jsonl:2") &&
                                   Catch::Matchers::ContainsSubstring(text) &&
                                   Catch::Matchers::ContainsSubstring("not one number"));
  }
  const auto sum = [&](const std::string& solutions) {
    return write("s.json", R"([{"sQuestion": "?", "lSolutions": )" + solutions + R"(}])");
  };
  CHECK(gold(sum("\"1,200\"")) == "1200");
  CHECK(gold(sum("\"3/4\"")) == "3/4");
  CHECK(gold(sum("[\"43\", \"43\"]")) == "43");
  CHECK(gold(sum("1e16")) == "10000000000000000");  // as training teaches it
  for (const char* wrong : {"\"12 apples\"", "[\"43\",\"44\"]", "[]"})
    CHECK_THAT(input_error([&] { read_task_set(sum(wrong)); }),
               Catch::Matchers::ContainsSubstring("record 1") &&
                   Catch::Matchers::ContainsSubstring(wrong));
}
