// How likely, and whether greedily, a model answers with the gold answer: computed, not sampled.
//
// P(correct) under temperature and top-k sampling is a sum over every token sequence whose text
// matches and then ends (SliCK, arXiv 2405.05904, appendix C, estimates it with 16 samples). One
// teacher-forced pass over prompt + gold gives the canonical tokenisation's term; tokens off that
// path which still spell a matching answer are followed as a trie. Several right answers share the
// trie: each token sequence is one path of it, whichever of them it spells.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "factsweep/data/answer_matcher.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/model/work_state.hpp"

namespace factsweep {

struct ProbeSettings {
  double temperature = 0.5;
  std::int64_t top_k = 40;
  std::int64_t max_new_tokens = 32;  // an answer that has not ended by then ends there
  double branch_floor =
      1e-6;  // a spelling less likely than this is not followed; 1 follows the greedy one alone
  double tie_epsilon =
      1e-4;  // greedy verdicts with two logits closer than this are decoded for real
  std::int64_t batch_tokens = 4096;  // tokens of one forward pass
};

struct ProbeItem {
  std::vector<TokenId> prompt;  // special tokens included
  std::vector<TokenId> gold;    // the canonical tokenisation of the gold answer
  std::string gold_text;        // what these tokens spell (with the leading space, if any)
  std::shared_ptr<const AnswerMatcher> matcher;
  std::int32_t set =
      0;  // items of one set are neighbours; what their prompts share is encoded once
  std::vector<std::string> other_texts = {};  // as gold_text, of other answers that match
};

struct ProbeResult {
  double p = 0;           // probability that a sampled answer matches (sampled: the share that does)
  double pruned = 0;      // probability of the branches below branch_floor: bounds the error of p
  bool greedy = false;    // the greedy answer matches
  bool near_tie = false;  // the greedy verdict came from real decoding
  std::string said;       // the greedy answer, where it matches and was followed to its end
};

/// The first items' results as a state of the work, and back. InputError: WorkState::at().
WorkState state_of(std::span<const ProbeResult> results);
std::vector<ProbeResult> results_of(const WorkState& state);

/// `step(fraction, tokens)` is called after each pass: the share of items asked so far. `keeper` is
/// given the results of the items whose answers have all been followed, after each such batch.
std::vector<ProbeResult> probe(const Model& model, const std::vector<ProbeItem>& items,
                               const ProbeSettings& settings,
                               const std::function<void(double, std::int64_t)>& step,
                               const WorkKeeper& keeper = {});

/// `answer` after `lead` (" " after "A:", nothing after a newline), tokenised as the model's
/// tokenizer continues `prompt`.
ProbeItem make_item(const Model& model, const std::string& prompt, const std::string& lead,
                    const std::string& answer, std::shared_ptr<const AnswerMatcher> matcher);

/// The same for a question with several right answers, of which the first is the gold one; the
/// matcher accepts any of them.
ProbeItem make_item(const Model& model, const std::string& prompt, const std::string& lead,
                    const std::vector<std::string>& answers,
                    std::shared_ptr<const AnswerMatcher> matcher);

}  // namespace factsweep
