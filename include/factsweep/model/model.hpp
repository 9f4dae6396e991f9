// A model at work: weights, tokenizer, and where they live.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "factsweep/model/transformer.hpp"
#include "factsweep/text/tokenizer.hpp"

namespace factsweep {

struct Model {
  Weights weights;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<TokenId> eos;  // end an answer; the first is the tokenizer's, which training appends

  /// InputError: see Weights::load, Tokenizer::load and within_rows(): the tokenizer's vocabulary
  /// has more ids than the embedding has rows.
  static Model load(const std::filesystem::path& directory, torch::Dtype dtype,
                    torch::Device device);
  /// The same tokenizer over other weights.
  Model with(Weights other) const;

  torch::Device device() const { return weights.embedding.device(); }
  bool is_eos(TokenId id) const;
  /// EOS, or a token that holds a newline: an answer ends here.
  bool ends_answer(TokenId id) const;
};

/// Length of the longest common prefix of all `texts` that leaves at least one token of each.
std::size_t common_prefix(const std::vector<std::vector<TokenId>>& texts);

}  // namespace factsweep
