// How an example becomes a prompt, and what training sees of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "factsweep/model/model.hpp"
#include "factsweep/tasks/task.hpp"
#include "factsweep/train/trainer.hpp"

namespace factsweep {

/// Instruction, input, and nothing else.
inline constexpr std::string_view kPlainTemplate = "{instruction}\n{input}\n";
/// The K-shot study's own (its code: LoRAMoE/src/templates).
inline constexpr std::string_view kChatTemplate =
    "[INST] <<SYS>>\nYou are a helpful assistant. Below is an instruction that describes a task. \n"
    "Write a response that appropriately completes the request.\n<</SYS>>\n\n "
    "{instruction}\n{input}\n [/INST]";

/// A deck's value: "plain", "chat", or a template itself, in which \n stands for a line break.
/// InputError naming `where`: it does not hold {instruction} once, or holds {input} twice, or
/// another word in braces; a word in two pairs of braces, {{so}}, is kept as it stands, but for
/// these two.
std::string prompt_template(std::string_view value, std::string_view where);

/// The template with both placeholders filled in, whatever their texts hold.
std::string render(std::string_view prompt_template, const TaskExample& example);

/// Worked examples, each prompt followed by its output and a blank line; empty for none.
std::string worked_examples(std::string_view prompt_template,
                            const std::vector<TaskExample>& shots);

/// What separates a prompt from what follows it: a blank, unless the prompt ends in white
/// space.
std::string_view lead(std::string_view prompt);

/// InputError naming the example: a text of it has more tokens than the model has learned positions
/// for (GPT-2, OPT).
void check_length(const Model& model, const TaskExample& example, std::size_t tokens);

struct TrainingExamples {
  std::vector<Example> examples;
  std::vector<std::size_t> rows;  // [example] its place in the set
  std::int64_t shortened = 0;     // examples cut to `longest` tokens
};

/// Loss on `output` and EOS. Longer than `longest` tokens: cut at the end, as the paper does (its
/// code leaves such examples out); left out where nothing of the output would remain. InputError: a
/// model without EOS; see check_length().
TrainingExamples training_examples(const Model& model, const TaskSet& set,
                                   std::string_view prompt_template, std::int64_t longest);

}  // namespace factsweep
