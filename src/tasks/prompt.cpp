#include "factsweep/tasks/prompt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "factsweep/core/error.hpp"
#include "factsweep/data/prompts.hpp"
#include "factsweep/label/probe.hpp"

namespace factsweep {
namespace {

constexpr std::string_view kInstruction = "{instruction}", kInput = "{input}";

bool holds_once(std::string_view text, std::string_view part) {
  const std::size_t first = text.find(part);
  return first != std::string_view::npos && text.find(part, first + 1) == std::string_view::npos;
}

/// The first word in single braces that stands for nothing; empty: none. A word in two pairs of
/// braces is one that the template wants to keep.
std::string unknown_placeholder(std::string_view text) {
  for (std::size_t open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
    const std::size_t end = text.find_first_of("{}", open + 1);
    if (end == text.npos || text[end] != '}') continue;
    const std::string_view part = text.substr(open, end + 1 - open);
    const std::string_view word = part.substr(1, part.size() - 2);
    const std::size_t first = std::min(word.find_first_not_of(' '), word.size());
    const bool begins_so =
        first < word.size() &&
        (std::isalpha(static_cast<unsigned char>(word[first])) != 0 || word[first] == '_');
    const bool is_word = begins_so && std::all_of(word.begin(), word.end(), [](unsigned char c) {
                           return std::isalnum(c) != 0 || c == '_' || c == ' ';
                         });
    const bool is_doubled = open > 0 && text[open - 1] == '{' && text.substr(end).starts_with("}}");
    if (is_word && !is_doubled && part != kInstruction && part != kInput) return std::string(part);
  }
  return "";
}

}  // namespace

std::string prompt_template(std::string_view value, std::string_view where) {
  if (value == "plain") return std::string(kPlainTemplate);
  if (value == "chat") return std::string(kChatTemplate);
  const std::string text = with_line_breaks(value);
  const bool has_input = text.find(kInput) != std::string::npos;
  if (!holds_once(text, kInstruction) || (has_input && !holds_once(text, kInput)))
    throw InputError(fmt::format(
        "{}: '{}' is neither 'plain' nor 'chat' nor a template that holds {} once, and {} once "
        "where examples have an input.",
        where, text, kInstruction, kInput));
  if (const std::string unknown = unknown_placeholder(text); !unknown.empty())
    throw InputError(fmt::format("{}: '{}' has the placeholder {}. There are {} and {}.", where,
                                 text, unknown, kInstruction, kInput));
  return text;
}

std::string render(std::string_view prompt_template, const TaskExample& example) {
  std::string prompt;
  while (!prompt_template.empty()) {
    const std::size_t brace = std::min(prompt_template.find('{'), prompt_template.size());
    prompt += prompt_template.substr(0, brace);
    prompt_template.remove_prefix(brace);
    if (prompt_template.starts_with(kInstruction)) {
      prompt += example.instruction;
      prompt_template.remove_prefix(kInstruction.size());
    } else if (prompt_template.starts_with(kInput)) {
      prompt += example.input;
      prompt_template.remove_prefix(kInput.size());
    } else if (!prompt_template.empty()) {
      prompt += '{';
      prompt_template.remove_prefix(1);
    }
  }
  return prompt;
}

std::string worked_examples(std::string_view prompt_template,
                            const std::vector<TaskExample>& shots) {
  std::string text;
  for (const TaskExample& shot : shots) {
    const std::string prompt = render(prompt_template, shot);
    text += fmt::format("{}{}{}\n\n", prompt, lead(prompt), shot.output);
  }
  return text;
}

std::string_view lead(std::string_view prompt) {
  const bool open = prompt.empty() || prompt.find_last_of(" \t\r\n") == prompt.size() - 1;
  return open ? "" : " ";
}

void check_length(const Model& model, const TaskExample& example, std::size_t tokens) {
  const ModelConfig& config = model.weights.config;
  if (config.position != PositionKind::learned ||
      static_cast<std::int64_t>(tokens) <= config.positions)
    return;
  throw InputError(fmt::format(
      "{}: asked as the deck says it is a text of {} tokens, and the model has {} positions. "
      "Shorten the record or the examples in front of it, or take it out.",
      example.where.empty() ? example.instruction.substr(0, 60) : example.where, tokens,
      config.positions));
}

TrainingExamples training_examples(const Model& model, const TaskSet& set,
                                   std::string_view prompt_template, std::int64_t longest) {
  if (model.eos.empty())
    throw InputError(fmt::format(
        "{}: the model has no EOS token, so no training can teach it where an answer ends.",
        set.name));
  TrainingExamples result;
  const auto limit = static_cast<std::size_t>(longest);
  for (std::size_t row = 0; row < set.examples.size(); ++row) {
    const std::string prompt = render(prompt_template, set.examples[row]);
    ProbeItem item =
        make_item(model, prompt, std::string(lead(prompt)), set.examples[row].output, nullptr);
    item.gold.push_back(model.eos.front());
    if (item.prompt.size() >= limit) continue;
    if (item.prompt.size() + item.gold.size() > limit) {
      item.gold.resize(limit - item.prompt.size());
      ++result.shortened;
    }
    check_length(model, set.examples[row], item.prompt.size() + item.gold.size());
    result.examples.push_back({std::move(item.prompt), std::move(item.gold)});
    result.rows.push_back(row);
  }
  return result;
}

}  // namespace factsweep
