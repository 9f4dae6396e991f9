#include "rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "factsweep/model/staging.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {
namespace {

using torch::Tensor;

/// Llama 3.1: low frequencies divided by `factor`, high ones kept, a linear blend between.
double llama3_frequency(const RopeConfig& rope, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double blend = (rope.original_positions / wavelength - rope.low_frequency_factor) /
                       (rope.high_frequency_factor - rope.low_frequency_factor);
  const double kept = std::clamp(blend, 0.0, 1.0);
  return kept * frequency + (1 - kept) * frequency / rope.factor;
}

/// YaRN (Peng et al., arXiv 2309.00071): pair i keeps its frequency below the pair that turns
/// beta_fast times within the original length, is divided above the one that turns beta_slow times.
double yarn_frequency(const RopeConfig& rope, double frequency, std::int64_t pair, double size) {
  const auto pair_that_turns = [&](double times) {
    return size * std::log(rope.original_positions / (times * 2 * std::numbers::pi)) /
           (2 * std::log(rope.theta));
  };
  double low = pair_that_turns(rope.beta_fast), high = pair_that_turns(rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, size - 1);
  if (low == high) high += 0.001;  // as transformers: a step instead of a division by zero
  const double divided = std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return divided * frequency / rope.factor + (1 - divided) * frequency;
}

/// Inverse wavelengths [R/2].
Tensor inverse_frequencies(const RopeConfig& rope, std::int64_t size) {
  std::vector<float> frequencies;
  for (std::int64_t pair = 0; pair < size / 2; ++pair) {
    double frequency =
        std::pow(rope.theta, -2.0 * static_cast<double>(pair) / static_cast<double>(size));
    if (rope.scaling == "linear") frequency /= rope.factor;
    if (rope.scaling == "llama3") frequency = llama3_frequency(rope, frequency);
    if (rope.scaling == "yarn") {
      frequency = yarn_frequency(rope, frequency, pair, static_cast<double>(size));
    }
    if (rope.scaling == "longrope") frequency /= rope.short_factors[static_cast<std::size_t>(pair)];
    frequencies.push_back(static_cast<float>(frequency));
  }
  return torch::tensor(frequencies);
}

/// Of a text of more tokens than `trained`. Dynamic NTK widens the base, longrope takes the factors
/// of long texts.
RopeConfig stretched(const RopeConfig& rope, double size, double length, double trained) {
  RopeConfig own = rope;
  if (rope.scaling == "longrope") {
    own.short_factors = rope.long_factors;
  } else {
    own.theta *= std::pow(rope.factor * length / trained - (rope.factor - 1), size / (size - 2));
  }
  return own;
}

/// Where texts beyond the trained length turn otherwise: [N, R/2], each text by its own length
/// alone, so that neighbours in a batch do not matter. Undefined when no text is that long.
Tensor stretched_frequencies(const ModelConfig& config, const RopeConfig& rope,
                             const PackedTokens& tokens) {
  const auto size = static_cast<double>(config.rotary_size);
  const double trained =
      rope.scaling == "longrope" ? rope.original_positions : static_cast<double>(config.positions);
  bool any_is_long = false;
  std::vector<Tensor> rows;
  for (std::int64_t b = 0; b < tokens.sequences; ++b) {
    const auto length = static_cast<double>(tokens.end(b));
    const bool is_long = length > trained;
    any_is_long = any_is_long || is_long;
    rows.push_back(inverse_frequencies(is_long ? stretched(rope, size, length, trained) : rope,
                                       config.rotary_size)
                       .expand({tokens.starts[b + 1] - tokens.starts[b], -1}));
  }
  return any_is_long ? torch::cat(rows) : Tensor();
}

}  // namespace

Rotation rotation(const ModelConfig& config, const RopeConfig& rope, const PackedTokens& tokens,
                  torch::Dtype dtype) {
  Tensor frequencies;  // [R/2], or [N, R/2]
  if (rope.scaling == "dynamic" || rope.scaling == "longrope")
    frequencies = stretched_frequencies(config, rope, tokens);
  if (!frequencies.defined()) frequencies = inverse_frequencies(rope, config.rotary_size);
  const Tensor angles = tokens.positions_N.to(torch::kFloat32).unsqueeze(1) *
                        staged(frequencies, tokens.positions_N.device());
  Tensor cosines = angles.cos(), sines = angles.sin();
  if (rope.attention_factor != 1) {
    cosines = cosines * rope.attention_factor;
    sines = sines * rope.attention_factor;
  }
  const auto of_pairs = [&](const Tensor& x) {
    return (config.rotary_interleaved ? x.repeat_interleave(2, 1) : torch::cat({x, x}, 1))
        .unsqueeze(1)
        .to(dtype);
  };
  return {of_pairs(cosines), of_pairs(sines), cosines, sines};
}

}  // namespace factsweep
