// Free text (instructions, function vectors, T0) and code (MBPP).
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "factsweep/tasks/answer.hpp"
#include "forms.hpp"

namespace factsweep::tasks {

void add_text(TaskExample example, std::vector<TaskExample>& examples) {
  if (example.answer.empty()) example.answer = example.output;
  example.answer = extract_answer(TaskKind::text, example, example.answer);
  examples.push_back(std::move(example));
}

namespace {

void read_instruction(const Record& record, const FormContext&,
                      std::vector<TaskExample>& examples) {
  add_text({.instruction = record.text("instruction"),
            .input = record.text_or_empty("input"),
            .output = record.filled("output"),
            .answer = std::string(strip(record.text_or_empty("answer")))},
           examples);
}

/// Self-Instruct: one instruction, several inputs and outputs.
void read_instances(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  const nlohmann::json& list = record.list("instances");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Record instance(list[i], fmt::format("{}, {}. of 'instances'", record.where(), i + 1));
    add_text({.instruction = record.text("instruction"),
              .input = instance.text_or_empty("input"),
              .output = instance.filled("output")},
             examples);
  }
}

void read_prompt(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  add_text({.instruction = record.filled("prompt"),
            .output = record.filled(record.first_of({"completion", "answer", "response"}))},
           examples);
}

/// Dolly: what the instruction is about is its context.
void read_dolly(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  add_text({.instruction = record.filled("instruction"),
            .input = std::string(strip(record.text_or_empty("context"))),
            .output = record.filled("response")},
           examples);
}

void read_question(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  add_text({.instruction = record.filled("question"),
            .input = std::string(strip(record.text_or_empty("context"))),
            .output = record.filled("answer")},
           examples);
}

void read_label(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  add_text({.instruction = record.filled("text"), .output = record.filled("label")}, examples);
}

/// Function vectors: the task has no words but its name ("country-capital").
void read_pair(const Record& record, const FormContext& context,
               std::vector<TaskExample>& examples) {
  std::string task = context.set_name;
  std::replace_if(
      task.begin(), task.end(), [](char c) { return c == '-' || c == '_'; }, ' ');
  add_text({.instruction = "Task: " + task,
            .input = record.filled("input"),
            .output = record.filled("output")},
           examples);
}

/// P3's data sets whose templates T0 saw: a task's name is one of these, '_' and the template's.
/// Variants of one data set (adversarial_qa_dbert, duorc_SelfRC) count as that one.
std::string t0_data_set(const Record& record) {
  constexpr std::array kDataSets = {"adversarial_qa",
                                    "ag_news",
                                    "amazon_polarity",
                                    "app_reviews",
                                    "cnn_dailymail",
                                    "common_gen",
                                    "commonsense_qa",
                                    "cos_e",
                                    "cosmos_qa",
                                    "dbpedia_14",
                                    "dream",
                                    "duorc",
                                    "gigaword",
                                    "glue_mrpc",
                                    "glue_qqp",
                                    "imdb",
                                    "kilt_tasks_hotpotqa",
                                    "multi_news",
                                    "paws",
                                    "qasc",
                                    "quail",
                                    "quarel",
                                    "quartz",
                                    "quoref",
                                    "race",
                                    "ropes",
                                    "rotten_tomatoes",
                                    "samsum",
                                    "sciq",
                                    "social_i_qa",
                                    "trec",
                                    "wiki_bio",
                                    "wiki_hop",
                                    "wiki_qa",
                                    "wiqa",
                                    "xsum",
                                    "yelp_review_full"};
  const std::string& task = record.text("task");
  for (const std::string_view data_set : kDataSets) {
    if (task.starts_with(data_set) &&
        (task.size() == data_set.size() || task[data_set.size()] == '_'))
      return std::string(data_set);
  }
  return task;
}

void read_t0(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  constexpr std::string_view kEnd = "<|endoftext|>";  // written out by the mirror's maker
  std::string_view output = strip(record.text("completion"));
  if (output.ends_with(kEnd)) output = strip(output.substr(0, output.size() - kEnd.size()));
  if (output.empty()) return;  // the template does not fit this text
  add_text({.instruction = record.filled("prompt"), .output = std::string(output)}, examples);
}

/// As OpenCompass's mbpp_gen_1e1056 asks.
void read_mbpp(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  TaskExample example{
      .instruction = fmt::format("You are an expert Python programmer, and here is "
                                 "your task: {} Your code should pass these "
                                 "tests:\n\n",
                                 record.filled("text")),
      .output = fmt::format("[BEGIN]\n{}\n[DONE]", extract_code(record.filled("code"))),
      .answer = extract_code(record.filled("code"))};
  // names of the set-up may be those that the code defines
  if (record.has("test_setup_code"))
    example.tests = extract_code(record.text("test_setup_code")) + "\n";
  for (const nlohmann::json& test : record.list("test_list")) {
    if (!test.is_string()) record.fail("has a test in 'test_list' that is not a text");
    const std::string line(strip(test.get_ref<const std::string&>()));
    example.instruction += line + "\n";
    example.tests += line + "\n";
  }
  examples.push_back(std::move(example));
}

/// The official split by task_id (google-research/mbpp, README).
std::string mbpp_split(const Record& record) {
  const double id = record.number("task_id");
  return id <= 10 ? "prompt" : id <= 510 ? "test" : id <= 600 ? "validation" : "train";
}

constexpr Form kTextForms[] = {
    {.name = "t0",
     .keys = "task, prompt, completion",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"task", "prompt", "completion"});
         },
     .read = read_t0,
     .part = t0_data_set,
     .part_is_set = true},
    {.name = "mbpp",
     .keys = "text, code, test_list, task_id",
     .kind = TaskKind::code,
     .fits =
         [](const Record& record) {
           return record.has_all({"text", "code", "test_list"});
         },
     .read = read_mbpp,
     .part = mbpp_split},
    {.name = "instances",
     .keys = "instruction, instances (of input, output)",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"instruction", "instances"});
         },
     .read = read_instances},
    {.name = "instructions",
     .keys = "instruction, input, output, answer (may be missing)",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"instruction", "output"});
         },
     .read = read_instruction},
    {.name = "dolly",
     .keys = "instruction, context, response",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"instruction", "response"});
         },
     .read = read_dolly},
    {.name = "conversations",
     .keys = "conversations (of from, value), system (may be missing)",
     .kind = TaskKind::text,
     .fits = [](const Record& record) { return record.has("conversations"); },
     .read = read_conversations,
     .has_turns = true},
    {.name = "messages",
     .keys = "messages (of role, content)",
     .kind = TaskKind::text,
     .fits = [](const Record& record) { return record.has("messages"); },
     .read = read_messages,
     .has_turns = true},
    {.name = "prompts",
     .keys = "prompt, completion (or answer, or response)",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has("prompt") && (record.has("completion") || record.has("answer") ||
                                           record.has("response"));
         },
     .read = read_prompt},
    {.name = "questions",
     .keys = "question, answer, context (may be missing)",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"question", "answer"});
         },
     .read = read_question},
    {.name = "labels",
     .keys = "text, label",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"text", "label"});
         },
     .read = read_label},
    {.name = "pairs",
     .keys = "input, output",
     .kind = TaskKind::text,
     .fits =
         [](const Record& record) {
           return record.has_all({"input", "output"});
         },
     .read = read_pair},
};

}  // namespace

std::span<const Form> text_forms() {
  return kTextForms;
}

}  // namespace factsweep::tasks
