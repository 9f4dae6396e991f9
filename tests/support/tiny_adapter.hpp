// The adapters of tests/unit/adapter/data (made by PEFT) and the tiny models that they adapt.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "factsweep/adapter/lora.hpp"
#include "tiny_model.hpp"

namespace factsweep::test {

/// Adapter directory -> the family whose tiny model it adapts.
inline const std::vector<std::pair<std::string, std::string>>& peft_adapters() {
  static const std::vector<std::pair<std::string, std::string>> list = {{"llama", "llama"},
                                                                        {"llama-patterns", "llama"},
                                                                        {"gpt2", "gpt2"},
                                                                        {"gpt_neox", "gpt_neox"},
                                                                        {"qwen2", "qwen2"}};
  return list;
}

inline std::filesystem::path adapter_data(const std::string& name) {
  return model_data("../../adapter/data") / name;
}

inline Weights family_weights(const std::string& family) {
  return Weights::load(model_data("families/" + family), torch::kFloat32, test_device());
}

/// Logits of every token, each sequence on its own.
inline torch::Tensor logits_of(const Weights& weights,
                               const std::vector<std::vector<TokenId>>& sequences) {
  const std::int64_t start = 0;
  return logits(weights, hidden_states(weights, PackedTokens::pack(sequences, {&start, 1},
                                                                   weights.embedding.device())));
}

/// Largest difference, as a share of the largest expected value.
inline double relative_distance(const torch::Tensor& found, const torch::Tensor& expected) {
  const torch::Tensor exact = expected.cpu();
  return ((found.cpu() - exact).abs().max() / exact.abs().max()).item<double>();
}

}  // namespace factsweep::test
