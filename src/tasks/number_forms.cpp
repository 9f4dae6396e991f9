// Word problems: GSM8K, the sums of LLM-Adapters (AddSub, MultiArith, SVAMP, SingleEq), MAWPS,
// MATH.
#include <fmt/format.h>

#include "factsweep/tasks/answer.hpp"
#include "forms.hpp"
#include "latex.hpp"

namespace factsweep::tasks {
namespace {

/// As OpenCompass's gsm8k_gen_1d7fe4 asks.
std::string step_by_step(std::string_view question) {
  return fmt::format("Question: {}\nLet's think step by step\nAnswer:", strip(question));
}

/// GSM8K's "<<48/2=24>>" are orders to a calculator; nobody executes them here.
std::string without_calculations(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t begin = std::min(text.find("<<"), text.size());
    const std::size_t end = text.find(">>", begin);
    result += text.substr(0, begin);
    if (end == std::string_view::npos) return result + std::string(text.substr(begin));
    text.remove_prefix(end + 2);
  }
  return result;
}

void read_gsm8k(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  constexpr std::string_view kMark = "####";
  const std::string output = without_calculations(record.filled("answer"));
  const std::size_t mark = output.rfind(kMark);
  if (mark == std::string::npos) record.fail("has an 'answer' without '#### NUMBER'");
  const std::string answer = whole_number(output.substr(mark + kMark.size()));
  if (answer.empty())
    record.fail(fmt::format("has an 'answer' whose end is not one number: '{}'", output.substr(mark)));
  examples.push_back({.instruction = step_by_step(record.filled("question")),
                      .output = output,
                      .answer = answer,
                      .rationale = std::string(strip(output.substr(0, mark)))});
}

void add_sum(const std::string& question, const std::string& answer,
             std::vector<TaskExample>& examples) {
  examples.push_back({.instruction = step_by_step(question),
                      .output = "The answer is " + answer,
                      .answer = answer});
}

void read_sum(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  const std::string body(strip(record.text_or_empty("Body")));  // SVAMP: the story
  const std::string_view gap = body.empty() ? "" : body.back() == '.' ? " " : ". ";
  add_sum(fmt::format("{}{}{}", body, gap, record.filled("sQuestion")),
          record.gold_number("lSolutions"), examples);
}

void read_mawps(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  add_sum(record.filled("original_text"), record.gold_number("ans"), examples);
}

/// LLM-Adapters' math_10k: a worked solution and the number that it comes to.
void read_worked(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  examples.push_back({.instruction = record.filled("instruction"),
                      .input = record.text_or_empty("input"),
                      .output = record.filled("output"),
                      .answer = record.gold_number("answer")});
}

/// Asked as Minerva's prompt asks (arXiv 2206.14858, appendix D.2). MATH-500 has the answer apart,
/// too.
void read_math(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  const std::string solution = record.filled("solution");
  std::string answer(strip(record.text_or_empty("answer")));
  if (answer.empty()) answer = last_boxed(solution).value_or("");
  if (answer.empty()) record.fail("has a 'solution' without '\\boxed{ANSWER}'");
  examples.push_back(
      {.instruction = fmt::format("{}\n{}\n\nSolution:", kNextProblem, record.filled("problem")),
       .output = solution,
       .answer = answer});
}

constexpr Form kNumberForms[] = {
    {.name = "worked",
     .keys = "instruction, input, output, answer (a number)",
     .kind = TaskKind::number,
     .fits =
         [](const Record& record) {
           return record.has_all({"instruction", "output", "answer"}) && record.is_number("answer");
         },
     .read = read_worked},
    {.name = "gsm8k",
     .keys = "question, answer (with '#### NUMBER')",
     .kind = TaskKind::number,
     .fits =
         [](const Record& record) {
           return record.has_all({"question", "answer"}) &&
                  record.text("answer").find("####") != std::string::npos;
         },
     .read = read_gsm8k},
    {.name = "sums",
     .keys = "sQuestion, lSolutions, Body (SVAMP)",
     .kind = TaskKind::number,
     .fits =
         [](const Record& record) {
           return record.has_all({"sQuestion", "lSolutions"}) && !record.has("options");
         },
     .read = read_sum},
    {.name = "mawps",
     .keys = "original_text, ans",
     .kind = TaskKind::number,
     .fits =
         [](const Record& record) {
           return record.has_all({"original_text", "ans"});
         },
     .read = read_mawps},
    {.name = "math",
     .keys = "problem, solution (with '\\boxed{ANSWER}'), level, type (or subject)",
     .kind = TaskKind::latex,
     .fits =
         [](const Record& record) {
           return record.has_all({"problem", "solution"});
         },
     .read = read_math,
     .part =
         [](const Record& record) {
           return record.text_or_empty(record.has("type") ? "type" : "subject");
         }},
};

}  // namespace

std::span<const Form> number_forms() {
  return kNumberForms;
}

}  // namespace factsweep::tasks
