#include "factsweep/model/training_rate.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>
#include <vector>

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

/// Forward and backward passes with weights of their own.
class Passes {
 public:
  Passes(const ModelConfig& config, const std::string& dtype)
      : weights_(
            Weights::random(config, /*seed=*/1).clone(parse_dtype(dtype), /*requires_grad=*/true)),
        tokens_(PackedTokens::pack(std::vector(kTexts, std::vector<std::int32_t>(kTokens, 1)),
                                   {&kFirst, 1}, torch::kCPU)) {}

  void pass() const { hidden_states(weights_, tokens_).sum().backward(); }
  /// Of each product as many again for the gradient of its input, and of its matrix.
  double flop() const {
    return 3 * static_cast<double>(tokens_.tokens()) * weights_.config.flop_per_token();
  }

 private:
  static constexpr std::int64_t kTexts = 16, kTokens = 24, kFirst = 0;

  Weights weights_;
  PackedTokens tokens_;
};

}  // namespace

double measure_training_rate(const ModelConfig& model, const std::string& dtype, int at_once) {
  constexpr std::chrono::duration<double> kLong(0.4);
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int count = std::clamp(at_once, 1, cores);
  use_threads(1);
  std::vector<Passes> all;
  for (int i = 0; i < count; ++i) all.emplace_back(small_one(model), dtype);
  std::vector<double> rates(all.size());
  std::barrier start(count);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < all.size(); ++i) {
      threads.emplace_back([&, i] {
        all[i].pass();  // memory is there from then on
        start.arrive_and_wait();
        const auto begin = std::chrono::steady_clock::now();
        std::chrono::duration<double> spent{};
        int passes = 0;
        for (; passes < 2 || spent < kLong; ++passes) {
          all[i].pass();
          spent = std::chrono::steady_clock::now() - begin;
        }
        rates[i] = passes * all[i].flop() / spent.count();
      });
    }
  }
  return std::accumulate(rates.begin(), rates.end(), 0.0) / count;
}

}  // namespace factsweep
