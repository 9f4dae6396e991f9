// A causal language model at a desk: texts in, answers or log-probabilities out. Nothing here needs
// torch's headers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

struct Model;

/// What a model is asked, and where it was written, for messages: "in.jsonl:3".
struct Prompt {
  std::string where, text;
};

struct GenerationSettings {
  std::int64_t max_new_tokens = 32;
  double temperature = 0;  // 0: greedy, and the rest has no effect
  std::int64_t top_k = 0;  // 0: of all tokens
  double top_p = 1;
  std::int64_t samples = 1;        // answers a prompt
  std::uint64_t seed = 0;          // of the draws
  std::vector<std::string> stops;  // texts that end an answer, and are left out
};

struct GeneratedText {
  std::string text;
  std::vector<TokenId> ids;
};

/// Of the tokens of a completion.
struct CompletionScore {
  std::vector<double> log_probabilities;
  double sum = 0;
  double perplexity = 0;
  std::vector<std::int64_t> predicted;  // the most likely token in place of each
  bool greedy = false;                  // these are the completion's
};

class LanguageModel {
 public:
  /// Reads a Hugging Face directory, and adapters onto it: PEFT directories, which add up, or one
  /// mixture of experts. `dtype`: "float32" or "bfloat16"; `device`: see choose_device().
  /// InputError.
  LanguageModel(const std::string& directory, const std::string& dtype, const std::string& device,
                const std::vector<std::string>& adapters);

  /// The answers to each prompt. `first`: the number of the first one, which its draws are keyed
  /// by. InputError: a prompt without a token, or longer than the model's positions.
  std::vector<std::vector<GeneratedText>> generate(const std::vector<Prompt>& prompts,
                                                   const GenerationSettings& settings,
                                                   std::uint64_t first) const;
  /// InputError: the same, no token in the completion, logits that are not finite.
  CompletionScore score(const Prompt& prompt, const std::string& completion) const;

 private:
  std::shared_ptr<const Model> model_;
};

}  // namespace factsweep
