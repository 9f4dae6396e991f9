// What a training learns from, and the size of what a step has seen.
#pragma once

#include <cstdint>
#include <vector>

#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

/// A prompt and the answer that is taught, its end included. What else is here belongs to the
/// objectives that name it (objectives.hpp); the others do not look at it.
struct Example {
  std::vector<TokenId> prompt, answer;
  std::vector<TokenId> rejected = {};  // an answer to the same prompt that is liked less
  double weight = 1;                   // > 0; an example of weight 2 counts as two
  /// Further answers, taught in turn with `answer`: that one in the first epoch, the first of these
  /// in the second, and so on round.
  std::vector<std::vector<TokenId>> others = {};
};

/// What a step minimised over some examples, and their size.
struct StepLoss {
  double sum = 0;  // of what LossMean averages; of token: of the answer tokens' losses
  std::int64_t answer_tokens = 0;
  std::int64_t tokens = 0;  // that the trained model was fed
  double weight = 0;  // what `sum` is divided by: tokens, examples or microbatches

  void add(const StepLoss& other);
};

}  // namespace factsweep
