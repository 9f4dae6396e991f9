// The readers: every form by a small file, what is refused and how it is said, draws, and that the
// real files' own outputs give their gold answers.
#include "factsweep/tasks/read_tasks.hpp"

#include <fstream>
#include <set>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "real_data.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

namespace {

class TaskFiles {
 public:
  fs::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  const fs::path& folder() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

const char* const kChoice =
    R"([{"instruction": "Please choose the correct answer to the question: Why: so?\n\nAnswer1: dry palms Answer2: wet: palms\n\nAnswer format: answer1/answer2", "input": "", "output": "the correct answer is answer2", "answer": "answer2"}])";

}  // namespace

TEST_CASE("templated choices are taken apart") {
  TaskFiles files;
  const fs::path path = files.write("ARC-Easy.train.json", kChoice);
  const TaskSet named = read_task_set(path);
  CHECK(named.name == "ARC-Easy");
  CHECK(named.kind == TaskKind::name);
  const TaskExample& example = named.examples.at(0);
  CHECK(example.options == std::vector<std::string>{"dry palms", "wet: palms"});
  CHECK(example.names == std::vector<std::string>{"answer1", "answer2"});
  CHECK(example.option_outputs ==
        std::vector<std::string>{"the correct answer is answer1", "the correct answer is answer2"});
  CHECK(example.gold() == 1);
  CHECK_THAT(example.where, Catch::Matchers::ContainsSubstring("ARC-Easy.train.json: record 1"));

  const TaskSet letters = read_task_set(path, {.letters = true});
  CHECK(letters.kind == TaskKind::letter);
  CHECK(letters.examples.at(0).instruction ==
        "Question: Why: so?\nA. dry palms\nB. wet: palms\nAnswer:");
  CHECK(letters.examples.at(0).output == "B. wet: palms");
  CHECK(letters.examples.at(0).answer == "B");
}

TEST_CASE("a byte-order mark is no part of a task's file") {
  TaskFiles files;
  const std::string plain = kChoice;
  const TaskSet with_mark = read_task_set(files.write("mark.json", "\xef\xbb\xbf" + plain));
  const TaskSet without = read_task_set(files.write("plain.json", plain));
  REQUIRE(with_mark.examples.size() == without.examples.size());
  CHECK(with_mark.examples[0].output == without.examples[0].output);
}

TEST_CASE("options that are their own names, and options in one line") {
  TaskFiles files;
  const TaskSet boolq = read_task_set(files.write(
      "train.json",
      R"([{"instruction": "Please answer the following question with true or false, question: do they?\n\nAnswer format: true/false", "input": "", "output": "the correct answer is false", "answer": "false"}])"));
  CHECK(boolq.examples.at(0).options == std::vector<std::string>{"true", "false"});
  CHECK(boolq.examples.at(0).gold() == 1);
  const TaskSet grande = read_task_set(
      files.write(
          "w.json",
          R"([{"instruction": "Please choose the correct answer to fill in the blank to complete the given sentence: Sarah _ so.\n\nOption1: Sarah Option2: Maria Answer format: option1/option2", "input": "", "output": "the correct answer is option2", "answer": "option2"}])"),
      {.letters = true});
  CHECK(grande.examples.at(0).instruction == "Question: Sarah _ so.\nA. Sarah\nB. Maria\nAnswer:");
}

TEST_CASE("ARC as AI2 and as Hugging Face publish it") {
  TaskFiles files;
  const fs::path own = files.write(
      "ARC-Challenge-Dev.jsonl",
      R"({"id": "a", "question": {"stem": "Why?", "choices": [{"text": "dry palms", "label": "A"}, {"text": "wet", "label": "B"}, {"text": "oil", "label": "C"}]}, "answerKey": "C"}
{"id": "b", "question": {"stem": "How?", "choices": [{"text": "so", "label": "1"}, {"text": "thus", "label": "2"}, {"text": "slowly", "label": "3"}, {"text": "not", "label": "4"}]}, "answerKey": "2"}
)");
  const TaskSet set = read_task_set(own);
  CHECK(set.name == "ARC-Challenge-Dev");
  CHECK(set.kind == TaskKind::letter);
  REQUIRE(set.examples.size() == 2);
  CHECK(set.examples[0].instruction == "Question: Why?\nA. dry palms\nB. wet\nC. oil\nAnswer:");
  CHECK(set.examples[0].output == "C. oil");
  CHECK(set.examples[1].answer == "B");
  CHECK(set.examples[1].gold() == 1);

  const fs::path flat = files.write(
      "flat.jsonl",
      R"({"id": "b", "question": "How?", "choices": {"text": ["so", "thus", "slowly", "not"], "label": ["1", "2", "3", "4"]}, "answerKey": "2"})");
  CHECK(read_task_set(flat).examples.at(0).instruction == set.examples[1].instruction);
  CHECK(read_task_set(flat, {.form = "arc"}).examples.at(0).output == "B. thus");

  const TaskSet four = read_task_set(own, {.options = 4});
  REQUIRE(four.examples.size() == 1);
  CHECK(four.examples[0].output == "B. thus");
  CHECK(four.left_out == 1);
  CHECK_THAT(input_error([&] { read_task_set(own, {.options = 5}); }),
             Catch::Matchers::ContainsSubstring("no record has 5 options"));
}

TEST_CASE("BoolQ with its passages, as its makers and SuperGLUE publish it") {
  TaskFiles files;
  const TaskSet own = read_task_set(
      files.write("dev.jsonl",
                  R"({"question": "is it so", "title": "It", "answer": true, "passage": "It is so."}
{"question": "is it not", "title": "It", "answer": false, "passage": "It is so."}
)"));
  CHECK(own.kind == TaskKind::letter);
  CHECK(own.examples.at(0).instruction == "It is so.\nQuestion: is it so\nA. Yes\nB. No\nAnswer:");
  CHECK(own.examples.at(0).output == "A. Yes");
  CHECK(own.examples.at(1).answer == "B");
  const TaskSet glue = read_task_set(
      files.write("val.jsonl",
                  R"({"question": "is it so", "passage": "It is so.", "idx": 0, "label": true}
{"question": "is it not", "passage": "It is so.", "idx": 1, "label": "false"}
{"question": "is it not", "passage": "It is so.", "idx": 1, "label": 0}
)"));
  CHECK(glue.name != "val");
  CHECK(glue.examples.at(0).answer == "A");
  CHECK(glue.examples.at(1).answer == "B");
  CHECK(glue.examples.at(2).answer == "B");
  const fs::path unlabelled =
      files.write("test.jsonl", R"({"question": "is it so", "passage": "It.", "label": -1})");
  CHECK_THAT(input_error([&] { read_task_set(unlabelled); }),
             Catch::Matchers::ContainsSubstring("test.jsonl:1") &&
                 Catch::Matchers::ContainsSubstring("neither true nor false"));
}

TEST_CASE("PIQA takes its labels from the file beside, and is refused without them") {
  TaskFiles files;
  const std::string records =
      R"({"goal": "Dry a cup", "sol1": "Wipe it", "sol2": "Wet it"}
{"goal": "Wet a cup", "sol1": "Wipe it", "sol2": "Dip it"}
)";
  const fs::path path = files.write("valid.jsonl", records);
  CHECK_THAT(input_error([&] { read_task_set(path); }),
             Catch::Matchers::ContainsSubstring("valid-labels.lst"));
  files.write("valid-labels.lst", "0\n1\n");
  const TaskSet set = read_task_set(path);
  CHECK(set.examples.at(0).answer == "A");
  CHECK(set.examples.at(1).answer == "B");
  CHECK(set.examples.at(1).instruction == "Wet a cup\nA. Wipe it\nB. Dip it\nAnswer:");
  files.write("valid-labels.lst", "0\n1\n0\n");
  CHECK_THAT(input_error([&] { read_task_set(path); }),
             Catch::Matchers::ContainsSubstring("3 labels"));
  files.write("valid-labels.lst", "0\n2\n");
  CHECK_THAT(input_error([&] { read_task_set(path); }),
             Catch::Matchers::ContainsSubstring("labels.lst:2"));
}

TEST_CASE("word problems give numbers") {
  TaskFiles files;
  const TaskSet gsm8k = read_task_set(files.write(
      "train.jsonl",
      R"({"question": "How many?", "answer": "He has 2*600=<<2*600=1200>>1,200.\n#### 1,200"})"));
  CHECK(gsm8k.examples.at(0).output == "He has 2*600=1,200.\n#### 1,200");
  CHECK(gsm8k.examples.at(0).answer == "1200");
  CHECK(gsm8k.examples.at(0).rationale == "He has 2*600=1,200.");
  const TaskSet svamp = read_task_set(files.write(
      "SVAMP.SVAMP.json",
      R"([{"Body": "A pack costs 76", "sQuestion": "How much?", "lSolutions": 51.0}])"));
  CHECK(svamp.examples.at(0).instruction ==
        "Question: A pack costs 76. How much?\nLet's think step by step\nAnswer:");
  CHECK(svamp.examples.at(0).answer == "51");
  CHECK(read_task_set(files.write("AddSub.json", R"([{"sQuestion": "?", "lSolutions": ["43"]}])"))
            .examples.at(0)
            .output == "The answer is 43");
  CHECK(read_task_set(files.write("m.json", R"([{"original_text": "?", "ans": "0.75"}])"))
            .examples.at(0)
            .answer == "0.75");
  CHECK(read_task_set(
            files.write("math.json",
                        R"([{"instruction": "2+2?", "output": "It is 4.", "answer": 4.0}])"))
            .kind == TaskKind::number);
}

TEST_CASE("MMLU as its makers' CSV files and as JSON lines have it") {
  TaskFiles files;
  const fs::path csv =
      files.write("high_school_physics_test.csv",
                  "\"What is \"\"it\"\", then?\nSay so.\",dry palms,\"wet, palms\",3,None,B\n"
                  "Which one?,a,b,c,d,D\n");
  const TaskSet set = read_task_set(csv);
  CHECK(set.name == "high_school_physics");
  CHECK(set.kind == TaskKind::letter);
  REQUIRE(set.examples.size() == 2);
  const TaskExample& example = set.examples[0];
  CHECK(example.instruction ==
        "The following are multiple choice questions (with answers) about high school physics.\n\n"
        "What is \"it\", then?\nSay so.\nA. dry palms\nB. wet, palms\nC. 3\nD. None\nAnswer:");
  CHECK(example.output == "B");
  CHECK(example.answer == "B");
  CHECK(example.options[1] == "wet, palms");
  CHECK(example.option_outputs == std::vector<std::string>{"A", "B", "C", "D"});
  CHECK(set.examples[1].gold() == 3);
  CHECK_THAT(set.examples[1].where, Catch::Matchers::ContainsSubstring("_test.csv:3"));

  const fs::path lines = files.write(
      "all.jsonl",
      R"({"question": "Which one?", "subject": "astronomy", "choices": ["a", "b", "c", "d"], "answer": 3}
{"question": "And here?", "subject": "high_school_physics", "choices": ["a", "b", "c", "d"], "answer": "A"}
)");
  const std::vector<TaskSet> sets = read_task_sets(lines);
  REQUIRE(sets.size() == 2);
  CHECK(sets[0].name == "astronomy");
  CHECK(sets[0].examples.at(0).answer == "D");
  CHECK(read_task_set(lines, {.part = "high_school_physics"}).examples.at(0).answer == "A");
  CHECK_THAT(input_error([&] { read_task_set(lines, {.part = "virology"}); }),
             Catch::Matchers::ContainsSubstring("no part 'virology'"));
  const TaskSet plain = read_task_set(
      files.write("mine.jsonl", R"({"question": "Which?", "choices": ["a", "b"], "answer": 0})"));
  CHECK(plain.name == "mine");
  CHECK(
      plain.examples.at(0).instruction ==
      "The following are multiple choice questions (with answers).\n\nWhich?\nA. a\nB. b\nAnswer:");

  const fs::path headed =
      files.write("virology_val.csv", "question,A,B,C,D,Answer\nQ?,a,b,c,d,C\n");
  CHECK(read_task_set(headed).name == "virology");
  CHECK(read_task_set(headed).examples.at(0).answer == "C");
  const auto error = [&](const std::string& name, const std::string& text) {
    const fs::path path = files.write(name, text);
    return input_error([&] { read_task_sets(path); });
  };
  CHECK_THAT(error("a.csv", "Q?,a,b,c,d,A\nQ?,a,b,c,A\n"),
             Catch::Matchers::ContainsSubstring("a.csv:2: has 5 columns"));
  CHECK_THAT(error("b.csv", "Q?,a,b,c,d,E\n"),
             Catch::Matchers::ContainsSubstring("b.csv:1") &&
                 Catch::Matchers::ContainsSubstring("\"E\", which is none of its 4 options"));
  CHECK_THAT(error("c.csv", "Q?,a,,c,d,A\n"),
             Catch::Matchers::ContainsSubstring("an empty option, the 2. of 4"));
  CHECK_THAT(error("d.csv", "Q?,\"a,b,c,d,A\n"),
             Catch::Matchers::ContainsSubstring("d.csv:1: a quotation mark"));
  CHECK_THAT(error("e.jsonl", R"({"question": "Q?", "choices": ["a", "b"], "answer": 2})"),
             Catch::Matchers::ContainsSubstring("'answer' 2, which is none of its 2 options"));
}

TEST_CASE("MATH as a folder of problems, and as lines") {
  TaskFiles files;
  const fs::path folder = files.folder() / "MATH" / "test";
  for (const char* type : {"algebra", "geometry"}) fs::create_directories(folder / type);
  const auto problem = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder / name) << text;
  };
  problem("algebra/10.json", R"({
    "problem": "What is half of one?",
    "level": "Level 2",
    "type": "Algebra",
    "solution": "Half of $1$ is $\\boxed{\\frac12}$."
})");
  problem(
      "algebra/2.json",
      R"({"problem": "Add.", "level": "Level 1", "type": "Algebra", "solution": "\\boxed{3}"})");
  problem(
      "geometry/1.json",
      R"({"problem": "Turn.", "level": "?", "type": "Geometry", "solution": "\\fbox{90^\\circ}"})");
  const TaskSet set = read_task_set(folder);
  CHECK(set.name == "MATH");
  CHECK(read_task_set(folder.string() + "/").name == "MATH");
  CHECK(set.kind == TaskKind::latex);
  REQUIRE(set.examples.size() == 3);
  CHECK(set.examples[0].answer == "3");
  CHECK(set.examples[1].answer == "\\frac12");
  CHECK(set.examples[1].instruction == "Problem:\nWhat is half of one?\n\nSolution:");
  CHECK(set.examples[1].output == "Half of $1$ is $\\boxed{\\frac12}$.");
  CHECK_THAT(set.examples[1].where, Catch::Matchers::EndsWith("algebra/10.json"));
  CHECK(read_task_set(folder / "algebra").name == "algebra");
  CHECK(read_task_set(folder / "algebra" / "10.json").examples.size() == 1);
  const TaskSet geometry = read_task_set(folder, {.part = "Geometry"});
  REQUIRE(geometry.examples.size() == 1);
  CHECK(extract_answer(set.kind, geometry.examples[0], geometry.examples[0].output) ==
        geometry.examples[0].answer);
  const TaskSet lines = read_task_set(files.write(
      "math500.jsonl",
      R"({"problem": "Add.", "solution": "It is 3.", "answer": "3", "subject": "Algebra", "level": 1}
{"problem": "Add.", "solution": "It is $\\boxed{4}$.", "subject": "Algebra", "level": 1})"));
  CHECK(lines.examples.at(0).answer == "3");
  CHECK(lines.examples.at(1).answer == "4");
  problem("geometry/2.json", R"({"problem": "Turn.", "type": "Geometry", "solution": "90"})");
  CHECK_THAT(input_error([&] { read_task_set(folder); }),
             Catch::Matchers::ContainsSubstring("geometry/2.json") &&
                 Catch::Matchers::ContainsSubstring("without '\\boxed{ANSWER}'"));
  fs::create_directories(files.folder() / "none");
  CHECK_THAT(input_error([&] { read_task_set(files.folder() / "none"); }),
             Catch::Matchers::ContainsSubstring("a folder without a .json file"));
}

TEST_CASE("a T0 file holds one set a data set; MBPP's splits can be chosen") {
  TaskFiles files;
  const fs::path t0 = files.write(
      "t0.jsonl",
      R"({"task": "ag_news_classify", "prompt": "P\n", "completion": "Business<|endoftext|>"}
{"task": "adversarial_qa_dbert_based_on", "prompt": "P", "completion": "a"}
{"task": "adversarial_qa_droberta_based_on", "prompt": "P", "completion": "two\nlines"}
{"task": "of_my_own", "prompt": "P", "completion": "a"}
{"task": "of_my_own", "prompt": "P", "completion": "<|endoftext|>"}
{"task": "trec_trec1", "prompt": "P", "completion": " "}
)");
  const std::vector<TaskSet> sets = read_task_sets(t0);
  REQUIRE(sets.size() == 3);
  CHECK(sets[0].name == "ag_news");
  CHECK(sets[0].examples.at(0).output == "Business");
  CHECK(sets[1].name == "adversarial_qa");
  CHECK(sets[1].examples.at(1).answer == "two lines");
  CHECK(sets[2].name == "of_my_own");
  CHECK(sets[2].examples.size() == 1);
  CHECK(sets[2].left_out == 1);
  CHECK(read_task_set(t0, {.part = "ag_news"}).examples.size() == 1);
  CHECK_THAT(input_error([&] { read_task_set(t0); }),
             Catch::Matchers::ContainsSubstring("adversarial_qa"));
  CHECK_THAT(input_error([&] { read_task_set(t0, {.part = "trec"}); }),
             Catch::Matchers::ContainsSubstring("empty"));
  CHECK_THAT(input_error([&] { read_task_set(t0, {.part = "imdb"}); }),
             Catch::Matchers::ContainsSubstring("no part 'imdb'") &&
                 Catch::Matchers::ContainsSubstring("of_my_own"));

  const fs::path mbpp = files.write(
      "mbpp.jsonl",
      R"({"text": "Add.", "code": "def f(a):\r\n  return a", "task_id": 11, "test_setup_code": "", "test_list": ["assert f(1) == 1 "]}
{"text": "Sub.", "code": "g = 1", "task_id": 601, "test_setup_code": "x = g", "test_list": ["assert x"]}
)");
  const TaskSet train = read_task_set(mbpp, {.part = "train"});
  REQUIRE(train.examples.size() == 1);
  CHECK(train.examples[0].tests == "x = g\nassert x\n");
  CHECK(read_task_set(mbpp, {.part = "test"}).examples.at(0).output ==
        "[BEGIN]\ndef f(a):\n  return a\n[DONE]");
}

TEST_CASE("instructions, prompts and pairs are free text") {
  TaskFiles files;
  CHECK(read_task_set(files.write("a.jsonl", R"({"prompt": "Why?", "answer": " So. "})"))
            .examples.at(0)
            .answer == "So.");
  CHECK(read_task_set(
            files.write("b.json", R"([{"instruction": "Do", "input": "x", "output": "y"}])"))
            .examples.at(0)
            .input == "x");
  CHECK(
      read_task_set(files.write("country-capital.json", R"([{"input": "Peru", "output": "Lima"}])"))
          .examples.at(0)
          .instruction == "Task: country capital");
  CHECK(
      read_task_set(
          files.write(
              "s.jsonl",
              R"({"instruction": "Do", "instances": [{"input": "", "output": "1"}, {"input": "b", "output": "2"}]})"))
          .examples.size() == 2);
}

TEST_CASE("what is wrong with a file is said with its place and key") {
  TaskFiles files;
  const auto error_of = [&](const std::string& text, const ReadTasksSettings& settings = {}) {
    const fs::path path = files.write("x.json", text);
    return input_error([&] { read_task_sets(path, settings); });
  };
  CHECK_THAT(error_of("{\"input\": \"a\", \"output\": \"b\"}\n{\"input\": \"a\"}\n"),
             Catch::Matchers::ContainsSubstring("x.json:2") &&
                 Catch::Matchers::ContainsSubstring("pairs"));
  CHECK_THAT(error_of(R"([{"input": "a", "output": "b"}, {"input": "a", "output": 3}])"),
             Catch::Matchers::ContainsSubstring("record 2") &&
                 Catch::Matchers::ContainsSubstring("'output' that is not a text"));
  CHECK_THAT(error_of(R"([{"input": "a", "output": " \n"}])"),
             Catch::Matchers::ContainsSubstring("empty 'output'"));
  CHECK_THAT(error_of(R"([{"conversations": []}])"),
             Catch::Matchers::ContainsSubstring("no known form") &&
                 Catch::Matchers::ContainsSubstring("goal, sol1, sol2"));
  CHECK_THAT(error_of("[3]"), Catch::Matchers::ContainsSubstring("no JSON object"));
  CHECK_THAT(error_of("[]"), Catch::Matchers::ContainsSubstring("holds no record"));
  CHECK_THAT(error_of("{\"input\": \n"), Catch::Matchers::ContainsSubstring("x.json:1"));
  CHECK_THAT(error_of(kChoice, {.form = "gsm8k"}),
             Catch::Matchers::ContainsSubstring("form 'gsm8k'"));
  CHECK_THAT(error_of(kChoice, {.form = "choice"}), Catch::Matchers::ContainsSubstring("choices"));
  CHECK_THAT(error_of(kChoice, {.part = "test"}),
             Catch::Matchers::ContainsSubstring("have no parts"));
  CHECK_THAT(error_of(R"([{"question": "?", "answer": "5"}])", {.form = "gsm8k"}),
             Catch::Matchers::ContainsSubstring("gsm8k"));
  CHECK_THAT(error_of(R"([{"sQuestion": "?", "lSolutions": "many"}])"),
             Catch::Matchers::ContainsSubstring("not one number"));
  std::string other = kChoice;
  other.replace(other.rfind("answer2"), 7, "answer5");
  CHECK_THAT(error_of(other), Catch::Matchers::ContainsSubstring("'answer5'"));
  // options
  std::string empty = kChoice;
  empty.replace(empty.find("dry palms"), 9, "");
  CHECK_THAT(error_of(empty),
             Catch::Matchers::ContainsSubstring("record 1") &&
                 Catch::Matchers::ContainsSubstring("an empty option, the 1. of 2"));
  CHECK_THAT(error_of(R"([{"sQuestion": "?", "options": ["A)1", "B) "], "lSolutions": "A"}])"),
             Catch::Matchers::ContainsSubstring("record 1") &&
                 Catch::Matchers::ContainsSubstring("an empty option, the 2. of 2"));
  const std::string arc =
      R"([{"question": "?", "choices": {"text": ["a", " "], "label": ["A", "B"]}, "answerKey": "A"}])";
  CHECK_THAT(error_of(arc), Catch::Matchers::ContainsSubstring("record 1") &&
                                Catch::Matchers::ContainsSubstring("an empty option"));
  std::string unknown = arc;
  unknown.replace(unknown.rfind("\"A\""), 3, "\"E\"");
  unknown.replace(unknown.find("\" \""), 3, "\"b\"");
  CHECK_THAT(error_of(unknown), Catch::Matchers::ContainsSubstring("'answerKey' 'E'"));
  std::string labels = arc;
  labels.replace(labels.find(", \"B\""), 5, "");
  CHECK_THAT(error_of(labels), Catch::Matchers::ContainsSubstring("in 'choices'") &&
                                   Catch::Matchers::ContainsSubstring("1 labels"));
  const std::string instances =
      R"([{"instruction": "Do", "instances": [{"input": "", "output": "1"}, {"input": "x"}]}])";
  CHECK_THAT(error_of(instances), Catch::Matchers::ContainsSubstring("2. of 'instances'") &&
                                      Catch::Matchers::ContainsSubstring("no 'output'"));
  CHECK_THAT(error_of(R"([{"question": {"stem": "?"}, "answerKey": "A"}])"),
             Catch::Matchers::ContainsSubstring("in 'question'") &&
                 Catch::Matchers::ContainsSubstring("no 'choices'"));
}

TEST_CASE("draws are nested, without replacement, and keyed by seed and name") {
  TaskSet set{.name = "s", .kind = TaskKind::text, .examples = {}};
  for (int i = 0; i < 100; ++i)
    set.examples.push_back({.instruction = std::to_string(i), .output = "x", .answer = "x"});
  const auto members = [](const TaskSet& part) {
    std::set<std::string> names;
    for (const TaskExample& example : part.examples) names.insert(example.instruction);
    return names;
  };
  const auto five = members(draw(set, 5, 7)), fifty = members(draw(set, 50, 7));
  CHECK(five.size() == 5);
  CHECK(fifty.size() == 50);
  CHECK(std::includes(fifty.begin(), fifty.end(), five.begin(), five.end()));
  CHECK(members(draw(set, 50, 8)) != fifty);
  TaskSet other = set;
  other.name = "t";
  CHECK(members(draw(other, 50, 7)) != fifty);
  CHECK(draw(set, 0, 7).examples.size() == 100);
  CHECK_THROWS_AS(draw(set, 101, 7), InputError);

  const TaskSplit split = hold_out(set, 30, 7);
  std::set<std::string> both = members(split.train);
  CHECK(both.size() == 70);
  both.merge(members(split.test));
  CHECK(both.size() == 100);
  CHECK_THROWS_AS(hold_out(set, 100, 7), InputError);
}

TEST_CASE("in real files every output gives its gold answer", "[real]") {
  const fs::path root = real_data("");
  if (!is_here(root / "arc")) return;
  const std::vector<std::pair<std::string, std::size_t>> files = {
      {"arc/ARC-Easy.test.json", 2376},
      {"arc/ARC-Challenge.train.json", 1119},
      {"boolq/boolq.test.json", 3270},
      {"piqa/valid.jsonl", 1838},
      {"gsm8k/test.jsonl", 1319},
      {"gsm8k/train.jsonl", 7473},
      {"mbpp/mbpp.jsonl", 974},
      {"llm_adapters_extra/openbookqa.test.json", 500},
      {"llm_adapters_extra/social_i_qa.test.json", 1954},
      {"llm_adapters_extra/winogrande.test.json", 1267},
      {"llm_adapters_extra/AQuA.AQuA.json", 254},
      {"llm_adapters_extra/AddSub.AddSub.json", 395},
      {"llm_adapters_extra/MultiArith.MultiArith.json", 600},
      {"llm_adapters_extra/SVAMP.SVAMP.json", 1000},
      {"llm_adapters_extra/SingleEq.SingleEq.json", 508},
      {"llm_adapters_extra/mawps.testset.json", 238},
      {"function_vectors/abstractive/english-german.json", 5145},
      {"instructions/alpaca_en_demo.json", 999},
      {"instructions/self_instruct_seed_tasks.jsonl", 175},
      {"instructions/dolly_prompts_small.jsonl", 151},
  };
  for (const auto& [name, count] : files) {
    for (const bool letters : {false, true}) {
      const TaskSet set = read_task_set(root / name, {.letters = letters});
      INFO(name << ", letters " << letters);
      CHECK(set.examples.size() == count);
      std::size_t right = 0, options = 0, wanted = 0;
      for (const TaskExample& example : set.examples) {
        const std::string answer = extract_answer(set.kind, example, example.output);
        right += set.kind == TaskKind::code ? answer == example.answer
                                            : answer_matches(set.kind, example, answer);
        wanted += example.options.size();
        for (std::size_t i = 0; i < example.options.size(); ++i)
          options +=
              extract_answer(set.kind, example, example.option_outputs[i]) == example.names[i] &&
              !example.options[i].empty();
      }
      CHECK(right == count);
      CHECK(options == wanted);
    }
  }
  CHECK(read_task_set(root / "mbpp/mbpp.jsonl", {.part = "test"}).examples.size() == 500);
  // trec's 700 completions are all empty in this copy
  CHECK(read_task_sets(root / "t0_tasks/t0_tasks.jsonl").size() == 32);
  // OpenCompass's worked examples, by row
  const std::int64_t gsm8k_rows[] = {7364, 1708, 669, 6724}, mbpp_rows[] = {1, 2, 3};
  const TaskSet gsm8k = pick(read_task_set(root / "gsm8k/train.jsonl"), gsm8k_rows);
  CHECK_THAT(gsm8k.examples.front().instruction,
             Catch::Matchers::ContainsSubstring("Angelo and Melanie"));
  CHECK(gsm8k.name == "gsm8k");
  const TaskSet mbpp = pick(read_task_set(root / "mbpp/mbpp.jsonl"), mbpp_rows);
  CHECK_THAT(mbpp.examples.back().answer, Catch::Matchers::ContainsSubstring("heap_queue_largest"));
}
