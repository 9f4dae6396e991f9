#include "factsweep/model/training_rate.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "factsweep/model/device.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"
#include "factsweep/model/weights.hpp"

namespace factsweep {
namespace {

/// Two Llama layers with the model's width and MLP, as far as these are no wider than what a login
/// node computes in a moment: products as large are as fast as larger ones.
ModelConfig small_one(const ModelConfig& model) {
  constexpr std::int64_t kWidest = 1024, kHead = 64;
  const std::int64_t width = std::max(kHead, std::min(model.width, kWidest) / kHead * kHead);
  const double mlp = model.active_mlp_width() / static_cast<double>(model.width);
  return ModelConfig::llama(/*vocabulary=*/256, width, /*layers=*/2, width / kHead, width / kHead,
                            std::llround(mlp * static_cast<double>(width)), /*positions=*/1024);
}

}  // namespace

double measure_training_rate(const ModelConfig& model, const std::string& dtype) {
  constexpr std::int64_t kTexts = 16, kTokens = 24;
  use_threads(1);
  const ModelConfig config = small_one(model);
  const Weights weights =
      Weights::random(config, /*seed=*/1).clone(parse_dtype(dtype), /*requires_grad=*/true);
  const std::vector<std::vector<std::int32_t>> texts(kTexts,
                                                     std::vector<std::int32_t>(kTokens, 1));
  const std::int64_t first = 0;
  const PackedTokens tokens = PackedTokens::pack(texts, {&first, 1}, torch::kCPU);
  // of each product as many again for the gradient of its input, and of its matrix
  const double flop = 3 * static_cast<double>(tokens.tokens()) * config.flop_per_token();
  double best = 0, spent = 0;
  for (int pass = 0; pass < 3 || (pass < 10 && spent < 0.3); ++pass) {
    const auto start = std::chrono::steady_clock::now();
    hidden_states(weights, tokens).sum().backward();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    spent += seconds;
    best = std::max(best, flop / seconds);
  }
  return best;
}

}  // namespace factsweep
