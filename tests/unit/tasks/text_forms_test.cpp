// Forms of free text and of code, each by a small file.
#include "factsweep/tasks/read_tasks.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "factsweep/core/error.hpp"
#include "factsweep/tasks/answer.hpp"
#include "task_files.hpp"

using namespace factsweep;
using namespace factsweep::test;
namespace fs = std::filesystem;

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


TEST_CASE("twelve examples in every form and every kind of file are the same examples") {
  TaskFiles files;
  struct Said {
    std::string question, reply;
  };
  std::vector<Said> said;
  for (int i = 0; i < 12; ++i)
    said.push_back({"Wer, \"bitte\",\nist Zo\u00eb " + std::to_string(i) + "?",
                    "Sie, ist " + std::to_string(i) + "."});
  using nlohmann::json;
  using Form = json (*)(const Said&);
  const std::map<std::string, Form> forms = {
      {"instructions", [](const Said& s) { return json{{"instruction", s.question}, {"input", ""}, {"output", s.reply}}; }},
      {"dolly", [](const Said& s) { return json{{"instruction", s.question}, {"context", ""}, {"response", s.reply}, {"category", "open_qa"}}; }},
      {"prompts", [](const Said& s) { return json{{"prompt", s.question}, {"completion", s.reply}}; }},
      {"prompts ", [](const Said& s) { return json{{"prompt", s.question}, {"response", s.reply}}; }},
      {"questions", [](const Said& s) { return json{{"question", s.question}, {"answer", s.reply}}; }},
      {"labels", [](const Said& s) { return json{{"text", s.question}, {"label", s.reply}}; }},
      {"conversations", [](const Said& s) {
         return json{{"id", "a"}, {"conversations", json::array({{{"from", "human"}, {"value", s.question}}, {{"from", "gpt"}, {"value", s.reply}}})}};
       }},
      {"messages", [](const Said& s) {
         return json{{"messages", json::array({{{"role", "user"}, {"content", s.question}}, {{"role", "assistant"}, {"content", json::array({{{"type", "text"}, {"text", s.reply}}})}}})}};
       }}};
  const auto shown = [](const TaskSet& set) {
    std::vector<std::string> texts = {std::string(name(set.kind))};
    for (const TaskExample& e : set.examples)
      texts.push_back(e.instruction + "|" + e.input + "|" + e.output + "|" + e.answer + "|" +
                      std::to_string(e.row));
    return texts;
  };
  std::vector<std::string> expected = {"text"};
  for (std::size_t i = 0; i < said.size(); ++i)
    expected.push_back(said[i].question + "||" + said[i].reply + "|" + said[i].reply + "|" +
                       std::to_string(i));
  const auto quoted = [](const std::string& text) {
    std::string field = "\"";
    for (const char c : text) field += c == '"' ? "\"\"" : std::string(1, c);
    return field + "\"";
  };
  for (const auto& [form, make] : forms) {
    INFO(form);
    json list = json::array(), object = json::object();
    std::string lines, table[2];
    for (const Said& one : said) {
      const json record = make(one);
      list.push_back(record);
      object["r" + std::to_string(100 + list.size())] = record;
      lines += record.dump() + "\r\n";
      for (int tabs : {0, 1}) {
        std::string names, row;
        for (const auto& item : record.items()) {
          const std::string gap = row.empty() ? "" : tabs == 1 ? "\t" : ",";
          names += gap + quoted(item.key());
          row += gap + quoted(item.value().is_string() ? item.value().get<std::string>() : item.value().dump());
        }
        table[tabs] += (table[tabs].empty() ? names + "\r\n" : "") + row + "\r\n";
      }
    }
    const std::string bom = "\xef\xbb\xbf";
    CHECK(shown(read_task_set(files.write("a.json", list.dump(2)))) == expected);
    CHECK(shown(read_task_set(files.write("b.json", object.dump()))) == expected);
    CHECK(shown(read_task_set(files.write("c.jsonl", lines))) == expected);
    CHECK(shown(read_task_set(files.write("d.csv", bom + table[0]))) == expected);
    CHECK(shown(read_task_set(files.write("e.tsv", table[1]))) == expected);
    std::string decomposed = table[0];
    for (std::size_t at = 0; (at = decomposed.find("\u00eb", at)) != decomposed.npos; ++at)
      decomposed.replace(at, 2, "e\u0308");
    CHECK(shown(read_task_set(files.write("f.csv", decomposed))) == expected);
  }
}

TEST_CASE("each reply of a conversation is an example") {
  TaskFiles files;
  const TaskSet set = read_task_set(
      files.write(
          "chat.jsonl",
          R"({"system": "Be kind.", "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi."}, {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]}
{"conversations": [{"from": "gpt", "value": "Hi."}]}
{"conversations": [{"from": "tool", "value": "Hi."}]}
{"messages": [{"role": "system", "content": "Be kind."}]}
)"),
      {.bad_records = 1});
  REQUIRE(set.examples.size() == 2);
  CHECK(set.examples[0].instruction == "Be kind.\n\nHello");
  CHECK(set.examples[0].output == "Hi.");
  CHECK(set.examples[1].instruction == "Be kind.\n\nUser: Hello\n\nAssistant: Hi.\n\nUser: Why?");
  CHECK(set.examples[1].output == "So.");
  CHECK(set.bad.records() == 3);
  CHECK(set.bad.reasons().at("the record has no reply to a user in 'conversations'").records == 1);
}

TEST_CASE("an empty system's turn says nothing, and a reply of weight 0 is not learnt") {
  TaskFiles files;
  const TaskSet set = read_task_set(
      files.write(
          "chat.jsonl",
          R"({"messages": [{"role": "system", "content": ""}, {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "No.", "weight": 0}, {"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So.", "weight": 1}]}
{"conversations": [{"from": "system", "value": null}, {"from": "human", "value": "Hello", "weight": null}, {"from": "gpt", "value": "Hi.", "weight": 1}]}
{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "No.", "weight": 0}]}
{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "No.", "weight": 0.5}]}
{"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "Hi."}]}
{"messages": [{"role": "system", "content": [{"type": "text", "text": " "}]}, {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ann."}]}
)"),
      {.bad_records = 1});
  REQUIRE(set.examples.size() == 2);
  CHECK(set.examples[0].instruction == "User: Hello\n\nAssistant: No.\n\nUser: Why?");
  CHECK(set.examples[0].output == "So.");
  CHECK(set.examples[1].instruction == "Who?");
  const TaskSet share_gpt = read_task_set(files.write(
      "share.jsonl",
      R"({"conversations": [{"from": "system", "value": null}, {"from": "human", "value": "Hello", "weight": null}, {"from": "gpt", "value": "Hi.", "weight": 1}]})"));
  CHECK(share_gpt.examples.at(0).instruction == "Hello");
  const auto& why = set.bad.reasons();
  CHECK(why.contains("the record has no reply to a user in 'messages' whose weight is not 0"));
  CHECK(why.contains("the record has a turn with another 'weight' than 0 and 1"));
  CHECK(why.contains("the record has an empty 'content'"));
}

TEST_CASE("Dolly's context and a question's are inputs") {
  TaskFiles files;
  CHECK(read_task_set(files.write("d.jsonl",
                                  R"({"instruction": "Who?", "context": "Ann. ", "response": "Ann"})"))
            .examples.at(0)
            .input == "Ann.");
  CHECK(read_task_set(files.write("q.csv", "context,question,answer\nAnn.,Who?,Ann\n"))
            .examples.at(0)
            .input == "Ann.");
  // six columns that end in "answer" are MMLU's where the answers are letters alone
  CHECK(read_task_set(files.write("s.csv", "id,context,question,source,year,answer\n1,Ann.,Who?,w,2,Ann\n"))
            .examples.at(0)
            .output == "Ann");
}
