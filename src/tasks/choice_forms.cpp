// Multiple choice: LLM-Adapters' templated records, ARC, BoolQ, PIQA, AQuA, MMLU.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "factsweep/core/utf8.hpp"
#include "forms.hpp"

namespace factsweep::tasks {
namespace {

constexpr std::string_view kFormatMark = "Answer format: ";

/// What LLM-Adapters wrote into one instruction text: "<task>: <question>\n\nAnswer1: <text>
/// Answer2: <text>\n\nAnswer format: answer1/answer2", or for BoolQ "true/false" without texts.
struct TemplatedChoice {
  std::string question;
  std::vector<std::string> names, options;
};

std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> names;
  for (;;) {
    const std::size_t slash = list.find('/');
    names.emplace_back(strip(list.substr(0, slash)));
    if (slash == std::string_view::npos) return names;
    list.remove_prefix(slash + 1);
  }
}

/// An option without a text can be neither asked nor scored, and one that others are like not
/// chosen.
void check_options(const Record& record, const std::vector<std::string>& options) {
  constexpr std::size_t kLetters = 26;
  if (options.size() > kLetters)
    record.fail(fmt::format("has {} options; {} is the most", options.size(), kLetters));
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i].empty())
      record.fail(fmt::format("has an empty option: the {}. of {}", i + 1, options.size()));
  }
  if (options.empty()) record.fail("has no option");
  if (std::all_of(options.begin(), options.end(),
                  [&](const std::string& option) { return option == options.front(); }))
    record.fail(options.size() == 1 ? "has one option; there is nothing to choose"
                                    : "has options that are all the same");
}

/// "answer1" -> "Answer1:"
std::string option_mark(std::string name) {
  if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 32);
  return name + ":";
}

TemplatedChoice parse_choice(const Record& record) {
  const std::string_view text = record.text("instruction");
  const std::size_t format = text.rfind(kFormatMark);
  TemplatedChoice choice{.names = split_names(text.substr(format + kFormatMark.size()))};
  std::string_view head = text.substr(0, format);
  const std::size_t task_end = head.find(": ");
  if (task_end == std::string_view::npos)
    record.fail("has an 'instruction' without a ': ' in front of its question");
  head.remove_prefix(task_end + 2);
  const std::size_t first = head.find(option_mark(choice.names.front()));
  choice.question = strip(head.substr(0, first));
  if (first == std::string_view::npos) {  // the names are the options: true/false
    choice.options = choice.names;
    check_options(record, choice.options);
    return choice;
  }
  head.remove_prefix(first);
  for (std::size_t i = 0; i < choice.names.size(); ++i) {
    const std::string mark = option_mark(choice.names[i]);
    if (!head.starts_with(mark))
      record.fail(fmt::format("has an 'instruction' without option '{}'", mark));
    head.remove_prefix(mark.size());
    const std::size_t end =
        i + 1 < choice.names.size() ? head.find(option_mark(choice.names[i + 1])) : head.size();
    choice.options.emplace_back(strip(head.substr(0, end)));
    head.remove_prefix(std::min(end, head.size()));
  }
  check_options(record, choice.options);
  return choice;
}

/// `output` with the gold name exchanged for another: what training would teach of that option.
std::string exchanged(const std::string& output, const std::string& gold, const std::string& by) {
  const std::size_t at = output.rfind(gold);
  return at == std::string::npos ? by : std::string(output).replace(at, gold.size(), by);
}

/// Whether the word stands in the text, and not inside of another one.
bool holds_word(std::string_view text, std::string_view word) {
  const auto is_inside = [&](std::size_t at) {
    return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
  };
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    if (!(at > 0 && is_inside(at - 1)) && !is_inside(at + word.size())) return true;
  }
  return false;
}

/// Training would teach one option, and the test count another one.
void check_output(const Record& record, const std::vector<std::string>& names,
                  const std::string& answer) {
  const std::string output = record.text_or_empty("output");
  if (output.find(answer) != output.npos) return;
  for (const std::string& name : names) {
    if (holds_word(output, name))
      record.fail(
          fmt::format("has an 'output' that names another option than its 'answer': '{}', "
                      "and '{}'",
                      name, answer));
  }
}

void read_choice(const Record& record, const FormContext& context,
                 std::vector<TaskExample>& examples) {
  const TemplatedChoice choice = parse_choice(record);
  const std::string answer = record.filled("answer");
  const auto gold = std::find(choice.names.begin(), choice.names.end(), answer);
  if (gold == choice.names.end())
    record.fail(
        fmt::format("has an 'answer' that its answer format does not list: '{}'", answer));
  check_output(record, choice.names, answer);
  if (context.settings.letters) {
    examples.push_back(lettered("Question: ", choice.question, choice.options,
                                static_cast<std::size_t>(gold - choice.names.begin())));
    return;
  }
  TaskExample example{.instruction = record.text("instruction"),
                      .input = record.text_or_empty("input"),
                      .output = record.filled("output"),
                      .answer = answer,
                      .options = choice.options,
                      .names = choice.names};
  for (const std::string& name : choice.names)
    example.option_outputs.push_back(exchanged(example.output, answer, name));
  examples.push_back(std::move(example));
}

void read_piqa(const Record& record, const FormContext& context,
               std::vector<TaskExample>& examples) {
  double label = -1;
  if (record.has("label")) {
    label = record.number("label");
  } else if (context.row < context.labels.size()) {
    label = static_cast<double>(context.labels[context.row]);
  }
  if (label != 0 && label != 1) record.fail("has no label 0 or 1, nor has the file of labels");
  const std::vector<std::string> solutions = {record.filled("sol1"), record.filled("sol2")};
  check_options(record, solutions);
  examples.push_back(
      lettered("", record.filled("goal"), solutions, static_cast<std::size_t>(label)));
}

void read_aqua(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  std::vector<std::string> options;
  for (const nlohmann::json& option : record.list("options")) {
    const std::string mark = {static_cast<char>('A' + options.size()), ')'};
    if (!option.is_string() || !option.get_ref<const std::string&>().starts_with(mark))
      record.fail(fmt::format("has an option that does not begin with '{}'", mark));
    options.emplace_back(strip(std::string_view(option.get_ref<const std::string&>()).substr(2)));
  }
  check_options(record, options);
  const std::string answer = record.filled("lSolutions");
  if (answer.size() != 1 || answer[0] < 'A' ||
      static_cast<std::size_t>(answer[0] - 'A') >= options.size())
    record.fail(fmt::format("has a solution that is no option: '{}'", answer));
  examples.push_back(lettered("Question: ", record.filled("sQuestion"), options,
                              static_cast<std::size_t>(answer[0] - 'A')));
  examples.back().rationale = strip(record.text_or_empty("rationale"));
}

/// Labels beside texts, as ARC has them; a label may be a letter or a number.
struct LabelledOptions {
  std::vector<std::string> labels, texts;
};

/// AI2's own: {"stem": ..., "choices": [{"text": ..., "label": ...}]}.
LabelledOptions choices_of(const Record& question) {
  LabelledOptions options;
  for (const nlohmann::json& value : question.list("choices")) {
    const Record choice(value, question.where() + ", in 'choices'");
    options.labels.push_back(choice.filled("label"));
    options.texts.emplace_back(strip(choice.text("text")));
  }
  return options;
}

/// Hugging Face's: {"text": [...], "label": [...]}.
LabelledOptions columns_of(const Record& choices) {
  LabelledOptions options;
  for (std::string& text : choices.texts("text")) options.texts.emplace_back(strip(text));
  options.labels = choices.texts("label");
  if (options.labels.size() != options.texts.size())
    choices.fail(
        fmt::format("has {} texts and {} labels", options.texts.size(), options.labels.size()));
  return options;
}

void read_arc(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  const bool nested = record.is_object("question");
  const LabelledOptions options =
      nested ? choices_of(record.inside("question")) : columns_of(record.inside("choices"));
  check_options(record, options.texts);
  const std::string answer = record.filled("answerKey");
  const auto gold = std::find(options.labels.begin(), options.labels.end(), answer);
  if (gold == options.labels.end())
    record.fail(fmt::format("has an 'answerKey' that no option has: '{}'", answer));
  const std::string question =
      nested ? record.inside("question").filled("stem") : record.filled("question");
  examples.push_back(lettered("Question: ", question, options.texts,
                              static_cast<std::size_t>(gold - options.labels.begin())));
}

/// `answer` of BoolQ's own files, `label` of SuperGLUE's; OpenCompass's copy has texts there, and
/// tables have, with Python's True and False.
bool is_true(const Record& record, const char* key) {
  std::string value = record.text_or_empty(key);
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (value == "true" || value == "1" || value == "1.0") return true;
  if (value == "false" || value == "0" || value == "0.0") return false;
  record.fail(fmt::format("has neither true nor false in '{}'", key));
}

/// As OpenCompass's SuperGLUE_BoolQ_gen_883d50 asks.
void read_boolq(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  const bool yes = is_true(record, record.first_of({"answer", "label"}));
  examples.push_back(lettered(record.filled("passage") + "\nQuestion: ", record.filled("question"),
                              {"Yes", "No"}, yes ? 0 : 1));
}

/// The index that an answer is, as a number or in a table's digits; -1: it is none.
std::int64_t written_index(const nlohmann::json& answer) {
  if (answer.is_number_integer()) return answer.get<std::int64_t>();
  const std::string written = answer.is_number() ? answer.dump() : std::string();
  if (!answer.is_string() && written.empty()) return -1;
  std::string_view text = written.empty() ? strip(answer.get_ref<const std::string&>()) : written;
  if (text.ends_with(".0")) text.remove_suffix(2);  // as pandas writes it beside an empty cell
  std::int64_t index = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  return error == std::errc() && end == text.data() + text.size() ? index : -1;
}

/// An index from 0, or a letter.
std::size_t chosen_option(const Record& record, const std::vector<std::string>& options) {
  const nlohmann::json& answer = record.at("answer");
  std::int64_t index = written_index(answer);
  if (answer.is_string() && index >= 0 &&
      std::find(options.begin(), options.end(), record.filled("answer")) != options.end())
    record.fail(
        fmt::format("has in 'answer' a text that may be an index from 0 or one of its "
                    "options: {}. Write a letter",
                    excerpt(answer.dump())));
  if (answer.is_string() && index < 0 && record.filled("answer").size() == 1)
    index = record.filled("answer").front() - 'A';
  if (index < 0 || index >= static_cast<std::int64_t>(options.size()))
    record.fail(fmt::format("has an 'answer' that is none of its {} options: {}", options.size(),
                            excerpt(answer.dump())));
  return static_cast<std::size_t>(index);
}

/// MMLU calls its options choices, MMLU-Pro options.
const char* mmlu_options(const Record& record) {
  return record.first_of({"choices", "options"});
}

/// Of a list, or as C-Eval and CMMLU have them under A, B and so on, of which the last may be
/// empty.
std::vector<std::string> options_of(const Record& record) {
  std::vector<std::string> options;
  if (record.has("choices") || record.has("options")) {
    for (const std::string& option : record.texts(mmlu_options(record)))
      options.emplace_back(strip(option));
    return options;
  }
  for (std::string key = "A"; key[0] <= 'Z' && record.has(key.c_str()); ++key[0])
    options.emplace_back(strip(record.text_or_empty(key.c_str())));
  while (!options.empty() && options.back().empty()) options.pop_back();
  return options;
}

/// "high_school_physics" -> "high school physics", as a sentence has it.
std::string in_words(std::string subject) {
  std::replace(subject.begin(), subject.end(), '_', ' ');
  return subject;
}

/// As its makers ask (arXiv 2009.03300), and a letter alone is taught, as their worked examples
/// have it.
void read_mmlu(const Record& record, const FormContext&, std::vector<TaskExample>& examples) {
  const std::vector<std::string> options = options_of(record);
  check_options(record, options);
  const std::string subject = in_words(record.text_or_empty("subject"));
  const std::string heading =
      fmt::format("The following are multiple choice questions (with answers){}{}.\n\n",
                  subject.empty() ? "" : " about ", subject);
  TaskExample example =
      lettered(heading, record.filled("question"), options, chosen_option(record, options));
  example.output = example.answer;
  example.option_outputs = example.names;
  examples.push_back(std::move(example));
}

constexpr Form kChoiceForms[] = {
    {.name = "choices",
     .keys = "instruction (ending in 'Answer format: a/b'), output, answer",
     .kind = TaskKind::name,
     .fits =
         [](const Record& record) {
           return record.has_all({"instruction", "output", "answer"}) &&
                  record.text("instruction").find(kFormatMark) != std::string::npos;
         },
     .read = read_choice},
    {.name = "arc",
     .keys = "question (of stem, choices of text and label), answerKey; or question, choices (of "
             "text and label), answerKey",
     .kind = TaskKind::letter,
     .fits =
         [](const Record& record) {
           return record.has_all({"question", "answerKey"}) &&
                  (record.is_object("question") || record.is_object("choices"));
         },
     .read = read_arc},
    {.name = "boolq",
     .keys = "passage, question, answer (or label), true or false",
     .kind = TaskKind::letter,
     .fits =
         [](const Record& record) {
           return record.has_all({"passage", "question"}) &&
                  (record.has("answer") || record.has("label"));
         },
     .read = read_boolq},
    {.name = "piqa",
     .keys = "goal, sol1, sol2, label (or X-labels.lst beside X.jsonl)",
     .kind = TaskKind::letter,
     .fits =
         [](const Record& record) {
           return record.has_all({"goal", "sol1", "sol2"});
         },
     .read = read_piqa},
    {.name = "aqua",
     .keys = "sQuestion, options, lSolutions",
     .kind = TaskKind::letter,
     .fits =
         [](const Record& record) {
           return record.has_all({"sQuestion", "options", "lSolutions"});
         },
     .read = read_aqua},
    {.name = "mmlu",
     .keys = "question, choices (or options; a list of texts; or A, B, ...), answer (an index from "
             "0, or a letter), subject; or CSV rows of a question, four options and a letter",
     .kind = TaskKind::letter,
     .fits =
         [](const Record& record) {
           return record.has_all({"question", "answer"}) &&
                  (record.has("choices") || record.has("options") || record.has_all({"A", "B"}));
         },
     .read = read_mmlu,
     .part = [](const Record& record) { return record.text_or_empty("subject"); },
     .part_is_set = true,
     .index_of =
         [](const Record& record) {
           return IndexedAnswer{written_index(record.at("answer")),
                                static_cast<std::int64_t>(options_of(record).size())};
         }},
};

}  // namespace

std::span<const Form> choice_forms() {
  return kChoiceForms;
}

TaskExample lettered(std::string_view lead, const std::string& question,
                     const std::vector<std::string>& options, std::size_t gold) {
  TaskExample example{.instruction = fmt::format("{}{}", lead, question), .options = options};
  for (std::size_t i = 0; i < options.size(); ++i) {
    example.names.emplace_back(1, static_cast<char>('A' + i));
    example.option_outputs.push_back(fmt::format("{}. {}", example.names[i], options[i]));
    example.instruction += "\n" + example.option_outputs[i];
  }
  example.instruction += "\nAnswer:";
  example.output = example.option_outputs.at(gold);
  example.answer = example.names.at(gold);
  return example;
}

}  // namespace factsweep::tasks
