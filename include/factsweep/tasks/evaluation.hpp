// How well a model does a task: by generation and post-processing, and of multiple choice by
// likelihood too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "factsweep/model/model.hpp"
#include "factsweep/tasks/prompt.hpp"
#include "factsweep/tasks/sandbox.hpp"
#include "factsweep/tasks/task.hpp"

namespace factsweep {

/// Which text of an option is scored by likelihood.
enum class OptionText : std::uint8_t {
  option,  // the option's own: "dry palms"
  output,  // what training would teach, were it right: "the correct answer is answer1"
};

struct EvaluationSettings {
  std::string prompt_template = std::string(kPlainTemplate);
  std::vector<TaskExample> shots;   // worked examples in front of every question
  bool generate = true;             // greedily; never of kind `choice`
  std::int64_t max_new_tokens = 0;  // 0: max_new_tokens_of() the set's kind
  bool likelihood = false;          // of sets with options
  OptionText option_text = OptionText::option;
  std::int64_t batch_tokens = 8192;  // of prompts that are encoded or answered together
  bool allow_code_execution = false;
  SandboxLimits sandbox;
};

/// As label/spelling.hpp: of a set whose answers are texts, which other sets' are not.
std::vector<std::string> spelling_warnings(const std::filesystem::path& model, const TaskSet& set);

/// letter 32, name 16, number 512, text 32, code 512, latex 512, choice 0.
std::int64_t max_new_tokens_of(TaskKind kind);

struct TaskVerdict {
  bool right = false;
  std::string text;    // what was generated, up to where its answer was certain
  std::string answer;  // extract_answer() of it
  std::string reason;  // of code that failed: why
};

struct OptionVerdict {
  /// Most likely option: log-probability summed, a token; -1 where one is not finite.
  std::int64_t by_sum = 0, by_mean = 0;
  std::vector<double> sum, mean;  // [option]
};

struct TaskScore {
  std::int64_t examples = 0;
  std::int64_t right = 0;                            // by generation
  std::int64_t right_by_sum = 0, right_by_mean = 0;  // by likelihood
  std::vector<TaskVerdict> verdicts;  // [example], empty where nothing is answered
  std::vector<OptionVerdict> options;                // [example], empty unless `likelihood`
  std::int64_t stopped = 0;    // programs that a limit or the confinement ended, see SandboxResult
  bool own_namespaces = true;  // of code: see SandboxResult, of all programs
};

/// Of kind `choice` the options are scored whatever the settings say, and the likeliest by sum is
/// the verdict. `step(fraction, tokens)` after each forward pass and each program that was run.
/// InputError: a set of code without allow_code_execution, `likelihood` for a set without options, a
/// set without examples.
TaskScore evaluate(const Model& model, const TaskSet& set, const EvaluationSettings& settings,
                   const std::function<void(double, std::int64_t)>& step);

/// The model that a prompt asks for.
using ModelOf = std::function<Model(const std::vector<TokenId>& prompt)>;
/// The same, each example by a model of its own, which `base` only encodes the prompt for.
TaskScore evaluate_one_by_one(const Model& base, const ModelOf& model_of, const TaskSet& set,
                              const EvaluationSettings& settings,
                              const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
