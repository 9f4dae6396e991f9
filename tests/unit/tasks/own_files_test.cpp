// Mistakes in files of one's own that would be read without a word, and what of a test may not be
// learnt.
#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/asked.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "factsweep/tasks/read_tasks.hpp"
#include "task_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string mmlu(const std::string& answers_of_three) {
  std::string lines;
  for (const char answer : answers_of_three)
    lines += std::string(R"({"question": "Which?", "choices": ["a", "b", "c"], "answer": )") +
             answer + "}\n";
  return lines;
}

}  // namespace

TEST_CASE("answers that are counted from 1 are not those that count from 0") {
  TaskFiles files;
  CHECK_THAT(input_error([&] { read_task_set(files.write("one.jsonl", mmlu("1231"))); }),
             ContainsSubstring("counted from 1") && ContainsSubstring("one.jsonl:3") &&
                 ContainsSubstring("subtract 1"));
  // no record says from where these count, and of these one is bad
  CHECK(read_task_set(files.write("either.jsonl", mmlu("1221"))).examples.size() == 4);
  CHECK(read_task_set(files.write("zero.jsonl", mmlu("0123"))).examples.size() == 3);
}

TEST_CASE("a right option's index may be in digits, as a table has it, and is no option's text") {
  TaskFiles files;
  const std::string head = "question,choices,answer\n", options = "\"[\"\"a\"\", \"\"b\"\"]\"";
  const TaskSet set = read_task_set(files.write(
      "x.csv", head + "Which?," + options + ",0\nAnd?," + options + ",1\nOr?," + options + ",A\n"));
  REQUIRE(set.examples.size() == 3);
  CHECK(set.examples[0].answer == "A");
  CHECK(set.examples[1].answer == "B");
  CHECK(set.examples[2].answer == "A");
  CHECK_THAT(input_error([&] {
               read_task_set(files.write(
                   "one.csv", head + "Which?," + options + ",1\nAnd?," + options + ",2\n"));
             }),
             ContainsSubstring("counted from 1"));
  CHECK_THAT(input_error([&] {
               read_task_set(files.write(
                   "two.jsonl", R"({"question": "?", "choices": ["1", "2"], "answer": "1"})"));
             }),
             ContainsSubstring("may be an index from 0 or one of its options"));
  CHECK(read_task_set(
            files.write("n.jsonl", R"({"question": "?", "choices": ["1", "2"], "answer": 1})"))
            .examples.at(0)
            .answer == "B");
}

TEST_CASE("a record with options is never asked without them") {
  TaskFiles files;
  const TaskSet pro = read_task_set(files.write(
      "pro.jsonl",
      R"({"question": "?", "options": ["a", "b", "c"], "answer": "C", "answer_index": 2})"));
  CHECK(pro.form == "mmlu");
  CHECK(pro.examples.at(0).gold() == 2);
  CHECK(pro.keys == "answer, options, question; not read: answer_index");
  // as pandas writes a list into a table, and beside another key than answerKey
  for (const char* record : {R"("['a' 'b']", "answer": 1)",
                             R"({"text": ["a", "b"], "label": ["A", "B"]}, "answer": "A")"}) {
    const fs::path path =
        files.write("x.jsonl", std::string(R"({"question": "?", "choices": )") + record + "}\n");
    CHECK_THAT(input_error([&] { read_task_set(path); }),
               ContainsSubstring("no list in 'choices'"));
    CHECK(read_task_set(path, {.form = "questions"}).examples.size() == 1);
  }
}

TEST_CASE("columns in place of records are called so") {
  TaskFiles files;
  for (const char* text : {R"({"question": {"3": "a", "5": "b"}, "answer": {"3": "c", "5": null}})",
                           R"({"question": ["a", "b"], "answer": ["c", 3]})"})
    CHECK_THAT(input_error([&] { read_task_set(files.write("x.json", text)); }),
               ContainsSubstring("x.json: holds columns, not records") &&
                   ContainsSubstring("orient=\"records\""));
  // a record by its number, and one of lists
  CHECK(read_task_set(files.write("y.json", R"({"0": {"question": "a", "answer": "c"},
 "1": {"question": "b", "answer": "d"}})"))
            .examples.size() == 2);
}

TEST_CASE("options that are all the same, and one alone, make a record bad") {
  TaskFiles files;
  const TaskSet set =
      read_task_set(files.write("x.jsonl", R"({"question": "?", "choices": ["a", " a"], "answer": 0}
{"question": "?", "choices": ["a"], "answer": 0}
{"question": "?", "choices": ["a", "b", "a"], "answer": 0}
)"),
                    {.bad_records = 1});
  CHECK(set.examples.size() == 1);
  CHECK(set.bad.reasons().contains("the record has options that are all the same"));
  CHECK(set.bad.reasons().contains("the record has one option; there is nothing to choose"));
  const TaskSet piqa = read_task_set(
      files.write("piqa.jsonl",
                  R"({"goal": "Open it.", "sol1": "Pull.", "sol2": "Pull. ", "label": 0}
{"goal": "Shut it.", "sol1": "Pull.", "sol2": "Push.", "label": 1}
)"),
      {.bad_records = 1});
  CHECK(piqa.examples.size() == 1);
  CHECK(piqa.bad.reasons().contains("the record has options that are all the same"));
}

TEST_CASE("an output that names another option than the answer makes a record bad") {
  TaskFiles files;
  const std::string good = kChoice;
  std::string other = good, spelt = good;
  other.replace(other.find("is answer2"), 10, "is answer1");
  spelt.replace(spelt.find("the correct answer is answer2"), 29, "wet palms, as answer12 says");
  for (const bool letters : {false, true}) {
    CHECK(read_task_set(files.write("good.json", good), {.letters = letters}).examples.size() == 1);
    CHECK(read_task_set(files.write("spelt.json", spelt), {.letters = letters}).examples.size() ==
          1);
    CHECK_THAT(
        input_error([&] { read_task_set(files.write("other.json", other), {.letters = letters}); }),
        ContainsSubstring("names another option than its 'answer'") &&
            ContainsSubstring("'answer1', and 'answer2'"));
  }
}

TEST_CASE("numbers and truth values are texts") {
  TaskFiles files;
  const TaskSet set = read_task_set(files.write(
      "x.jsonl",
      "{\"question\": \"a\", \"answer\": 3.5}\n{\"question\": \"b\", \"answer\": true}\n"
      "{\"question\": 7, \"answer\": 42}\n"));
  REQUIRE(set.examples.size() == 3);
  CHECK(set.examples[0].output == "3.5");
  CHECK(set.examples[1].output == "true");
  CHECK(set.examples[2].instruction == "7");
  CHECK(set.examples[2].output == "42");
  CHECK(read_task_set(files.write("l.jsonl", "{\"text\": \"a\", \"label\": false}\n"))
            .examples[0]
            .output == "false");
}

TEST_CASE("a file's columns may change places, and a wrong one is named") {
  TaskFiles files;
  const fs::path path = files.write("x.jsonl", R"({"question": "So", "answer": "Why?", "id": 3})");
  const auto read = [&](const std::map<std::string, std::string>& columns) {
    return read_task_set(path, {.columns = columns});
  };
  const TaskSet set = read({{"question", "answer"}, {"answer", "question"}});
  CHECK(set.examples.at(0).instruction == "Why?");
  CHECK(set.examples.at(0).output == "So");
  CHECK(set.form == "questions");
  CHECK(set.keys ==
        "answer ('question' in the file), question ('answer' in the file); not read: id");
  CHECK(read({}).keys == "answer, question; not read: id");
  CHECK_THAT(
      input_error([&] {
        read({{"question", "frage"}});
      }),
      ContainsSubstring("no record has the column 'frage', which is named as 'question'. There "
                        "are: answer, id, question."));
  CHECK_THAT(input_error([&] {
               read({{"question", "id"}, {"answer", "id"}});
             }),
             ContainsSubstring("names 'id' as"));
}

TEST_CASE("of two keys that could be the answer it is said which is read") {
  TaskFiles files;
  const TaskSet set = read_task_set(files.write(
      "x.jsonl", R"({"prompt": "a", "response": "b", "question": "c", "answer": "d"})"));
  CHECK(set.form == "prompts");
  CHECK(set.keys == "answer, prompt; not read: question, response");
}

TEST_CASE("what the user names is read under that name alone") {
  TaskFiles files;
  const auto read = [&](const char* text, const std::map<std::string, std::string>& columns,
                        const std::string& form = "auto") {
    return read_task_set(files.write("x.jsonl", text),
                         {.form = form, .columns = columns, .bad_records = 1});
  };
  const TaskSet set = read(R"({"frage": "A?", "antwort": "a", "question": "B?", "answer": "b"}
{"question": "C?", "antwort": "c"}
{"frage": "D?", "answer": "d"}
)",
                           {{"question", "frage"}, {"answer", "antwort"}});
  REQUIRE(set.examples.size() == 1);
  CHECK(set.examples[0].instruction == "A?");
  CHECK(set.examples[0].output == "a");
  CHECK(set.bad.records() == 2);
  // of several keys for one thing the named one
  CHECK(read(R"({"prompt": "A?", "completion": "b", "antwort": "a"})", {{"answer", "antwort"}})
            .examples.at(0)
            .output == "a");
  CHECK(read(R"({"question": "?", "choices": ["a", "b"], "mine": ["c", "d"], "answer": 1})",
             {{"options", "mine"}})
            .examples.at(0)
            .options.at(1) == "d");
  CHECK(read(R"({"passage": "A.", "question": "?", "answer": "yes, as ...", "truth": true})",
             {{"label", "truth"}})
            .examples.at(0)
            .answer == "A");
  // and a form that does not know it is not the one that is meant
  const char* both = R"({"instruction": "I", "output": "o", "frage": "A?", "antwort": "a"})";
  const std::map<std::string, std::string> columns = {{"question", "frage"}, {"answer", "antwort"}};
  CHECK_THAT(input_error([&] { read(both, columns); }),
             ContainsSubstring("'frage' is named as 'question', which is not read of the form "
                               "'instructions'"));
  CHECK(read(both, columns, "questions").examples.at(0).output == "a");
}

TEST_CASE("of several keys for one thing that is read which says something") {
  TaskFiles files;
  CHECK(read_task_set(
            files.write("x.jsonl", R"({"prompt": "A?", "completion": null, "response": "a"})"))
            .examples.at(0)
            .output == "a");
  CHECK(read_task_set(
            files.write("x.csv",
                        "question,choices,options,answer\n?,,\"[\"\"a\"\", \"\"b\"\"]\",1.0\n"))
            .examples.at(0)
            .answer == "B");
}

TEST_CASE("options in columns of their own, as C-Eval has them") {
  TaskFiles files;
  const TaskSet set = read_task_set(
      files.write(
          "x.csv",
          "id,question,A,B,C,D,answer\n0,Which?,a,b,c,d,C\n1,And?,a,b,c,,B\n2,Or?,a,,c,d,A\n"
          "3,Is?,a,b,,,D\n"),
      {.bad_records = 1});
  CHECK(set.form == "mmlu");
  REQUIRE(set.examples.size() == 2);
  CHECK(set.examples[0].answer == "C");
  CHECK_THAT(set.examples[0].instruction,
             ContainsSubstring("Which?\nA. a\nB. b\nC. c\nD. d\nAnswer:"));
  CHECK(set.examples[1].options.size() == 3);
  CHECK(set.bad.records() == 2);
  // six columns of names are no question of MMLU's makers
  const TaskSet six = read_task_set(
      files.write("y.csv", "question,A,B,C,D,answer\nWhich?,a,b,c,d,0\nAnd?,a,b,c,d,3\n"));
  CHECK(six.examples.at(1).answer == "D");
}

TEST_CASE("blanks and cells of nothing in a task's file are those of edits") {
  TaskFiles files;
  const TaskSet set = read_task_set(
      files.write(
          "x.csv",
          "question, answer, context\n\"A, b?\", \"a\", nan\nC?,#N/A,\nD?,\u00a0d\u2003,\n"),
      {.bad_records = 1});
  REQUIRE(set.examples.size() == 2);
  CHECK(set.examples[0].instruction == "A, b?");
  CHECK(set.examples[0].output == "a");
  CHECK(set.examples[0].input.empty());
  CHECK(set.examples[1].output == "d");
  CHECK(set.bad.reasons().contains("the record has an empty 'answer'"));
  // a bad row among those that tell whether the table is MMLU's
  CHECK(read_task_set(files.write("y.csv", "question,answer\n\"A\" is,a\nB?,b\nC?,c\n"))
            .examples.size() == 2);
}

TEST_CASE("letters are asked of options alone") {
  TaskFiles files;
  const fs::path text = files.write("x.jsonl", R"({"question": "a", "answer": "b"})");
  CHECK_THAT(input_error([&] { read_task_set(text, {.letters = true}); }),
             ContainsSubstring("'questions' have no options"));
}

TEST_CASE("files without text are called by their name") {
  TaskFiles files;
  const auto error = [&](const std::string& name, const std::string& begin) {
    const fs::path path = files.write(name, begin + std::string("\x14\x00\xff", 3));
    return input_error([&] { read_task_set(path); });
  };
  CHECK_THAT(error("x.xlsx", "PK\x03\x04"),
             ContainsSubstring("workbook") && ContainsSubstring("as CSV"));
  CHECK_THAT(error("x.zip", "PK\x03\x04"), ContainsSubstring("ZIP archive"));
  CHECK_THAT(error("x.parquet", "PAR1"),
             ContainsSubstring("Parquet") && ContainsSubstring("to_json"));
  CHECK_THAT(input_error([&] {
               read_task_set(files.write("x.csv", "Capital of Peru?,Lima\nOf Mali?,Bamako\n"));
             }),
             ContainsSubstring("has to be the names of the columns"));
  CHECK_THAT(
      input_error([&] { read_task_set(files.write("e.json", R"([{"conversations": []}])")); }),
      ContainsSubstring("an empty list in 'conversations'"));
}

TEST_CASE("the replies of a conversation are held out together") {
  TaskFiles files;
  std::string lines;
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    std::string turns;
    for (const std::string turn : {"one", "two", "three"})
      turns += std::string(turns.empty() ? "" : ", ") + R"({"role": "user", "content": ")" + turn +
               n + R"(?"}, {"role": "assistant", "content": ")" + turn + n + "\"}";
    lines += "{\"messages\": [" + turns + "]}\n";
  }
  const TaskSet set = read_task_set(files.write("chat.jsonl", lines));
  REQUIRE(set.examples.size() == 60);
  const TaskSplit split = hold_out(set, 10, 7);
  CHECK(split.test.examples.size() == 9);  // three whole ones
  CHECK(split.train.examples.size() == 51);
  const auto conversations = [](const TaskSet& part) {
    std::set<std::int64_t> all;
    for (const TaskExample& example : part.examples) all.insert(example.conversation);
    return all;
  };
  CHECK(conversations(split.test).size() == 3);
  CHECK(conversations(split.train).size() == 17);
  CHECK_THAT(input_error([&] { hold_out(set, 2, 7); }), ContainsSubstring("stay together"));
}

TEST_CASE("what a test asks is known again in other writing, and inside of a conversation") {
  TaskFiles files;
  AskedQuestions asked;
  asked.add(read_task_set(files.write(
      "test.jsonl",
      "{\"question\": \"Hauptstadt  der \\u00d6RTLICHEN Bahn?\", \"answer\": \"Bonn\"}\n")));
  const auto why = [&](const std::string& name, const std::string& text) {
    std::vector<std::string> all;
    for (const TaskExample& example : read_task_set(files.write(name, text)).examples)
      all.emplace_back(asked.why_not_learnt(example));
    return all;
  };
  using Whys = std::vector<std::string>;
  CHECK(why("a.jsonl", R"({"question": "hauptstadt der örtlichen\nBahn? ", "answer": "Ulm"})") ==
        Whys{"asks what a test example asks"});
  CHECK(why("b.jsonl", R"({"question": "Hauptstadt der Bahn?", "answer": "Bonn"})") == Whys{""});
  const auto chat = [&](const std::string& reply) {
    return R"({"system": "Be kind.", "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi."}, {"from": "human", "value": "Hauptstadt der örtlichen Bahn?"}, {"from": "gpt", "value": ")" +
           reply + R"("}, {"from": "human", "value": "Thanks"}, {"from": "gpt", "value": "So."}]})";
  };
  // the reply itself is asked behind what was said before: it is another question
  CHECK(why("c.json", "[" + chat("Bonn") + "]") ==
        Whys{"", "", "its conversation holds a test example's question and answer"});
  CHECK(why("d.json", "[" + chat("Ulm") + "]") == Whys{"", "", ""});
}

TEST_CASE("a template with an unknown placeholder is refused") {
  const auto error = [](const std::string& text) {
    return input_error([&] { prompt_template(text, "deck"); });
  };
  CHECK_THAT(error("{instruction} {output}"),
             ContainsSubstring("{output}. There are {instruction} and {input}"));
  CHECK_THAT(error("{ input }{instruction}"), ContainsSubstring("placeholder { input }"));
  for (const std::string fine :
       {"{instruction}{input} {{output}}", "{instruction} {\"a\": 1} {", "{{instruction}}"})
    CHECK(error(fine) == "");
}
