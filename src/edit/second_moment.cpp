#include "factsweep/edit/second_moment.hpp"

#include <algorithm>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "lookup.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// Adds k^T k of every pass to the sums of the layers that it was made for.
class Sums : public LinearHook {
 public:
  explicit Sums(std::map<std::int64_t, Tensor>& by_layer) : by_layer_(by_layer) {}
  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    if (linear != dense::down) return y;
    if (const auto sum = by_layer_.find(layer); sum != by_layer_.end()) {
      const Tensor wide = x.to(torch::kFloat64);
      sum->second.addmm_(wide.t(), wide);
    }
    return y;
  }

 private:
  std::map<std::int64_t, Tensor>& by_layer_;
};

}  // namespace

SecondMoments second_moments(const Weights& weights, const std::vector<std::vector<TokenId>>& texts,
                             const std::vector<std::int64_t>& layers, std::int64_t batch_tokens,
                             const std::function<void(double, std::int64_t)>& step) {
  torch::NoGradGuard no_grad;
  require(!layers.empty(), "second_moments: no layer");
  const ModelConfig& config = weights.config;
  SecondMoments moments;
  for (const std::int64_t layer : layers) {
    check_layer(config, "the second moment", layer);
    moments.by_layer[layer] = torch::zeros({config.mlp_width, config.mlp_width},
                                           weights.embedding.options().dtype(torch::kFloat64));
  }
  if (texts.empty()) throw InputError("there is no text to take second moments over.");
  const Sums sums(moments.by_layer);
  const std::int64_t start = 0, end_layer = moments.by_layer.rbegin()->first + 1;
  for (std::size_t begin = 0, end = 0; begin < texts.size(); begin = end) {
    std::int64_t tokens = 0;
    while (end < texts.size() && (tokens < batch_tokens || end == begin))
      tokens += static_cast<std::int64_t>(texts[end++].size());
    const PackedTokens packed = PackedTokens::pack(std::span(texts).subspan(begin, end - begin),
                                                   {&start, 1}, weights.embedding.device());
    hidden_states(weights, packed, {.hook = &sums, .end_layer = end_layer});
    moments.tokens += tokens;
    step(static_cast<double>(end) / static_cast<double>(texts.size()), tokens);
  }
  for (auto& [layer, sum] : moments.by_layer)
    sum = sum.div_(static_cast<double>(moments.tokens)).cpu();
  return moments;
}

}  // namespace factsweep
