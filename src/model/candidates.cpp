#include "factsweep/model/candidates.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/model/transformer.hpp"

namespace factsweep {
namespace {

constexpr std::int64_t kBlockOfLogits = 64;  // logits that a block maximum is of
constexpr std::int64_t kMargin =
    8;  // bf16 candidates beyond k, so that rescoring can change their order

std::int64_t kept_candidates(std::int64_t vocabulary, std::int64_t width) {
  return std::min(vocabulary, width + kMargin);
}

/// bfloat16 bits as an integer of the same order.
std::int16_t ordered(std::int16_t bits) {
  return static_cast<std::int16_t>(bits ^ ((bits >> 15) & 0x7fff));
}
float ordered(float value) {
  return value;
}

/// Ids of the `k` largest of `values[0..count)`, unsorted and possibly a few more (ties). One pass
/// of block maxima bounds the k-th largest from below; only blocks that reach the bound are read
/// again.
template <typename T>
void select_largest(const T* values, std::int64_t count, std::int64_t k, std::vector<T>& maxima,
                    std::vector<T>& sorted, std::vector<TokenId>& chosen) {
  constexpr T kLowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                             : std::numeric_limits<T>::lowest();
  const std::int64_t blocks = (count + kBlockOfLogits - 1) / kBlockOfLogits;
  maxima.resize(static_cast<std::size_t>(blocks));
  for (std::int64_t b = 0; b < blocks; ++b) {
    const std::int64_t end = std::min(count, (b + 1) * kBlockOfLogits);
    T best =
        kLowest;  // a nan never becomes a maximum: it would break the order that nth_element needs
    for (std::int64_t i = b * kBlockOfLogits; i < end; ++i) best = std::max(best, ordered(values[i]));
    maxima[b] = best;
  }
  sorted = maxima;
  const std::int64_t rank = std::min(k, blocks) - 1;
  std::nth_element(sorted.begin(), sorted.begin() + rank, sorted.end(), std::greater<>());
  // with fewer blocks than k the bound says nothing: take all
  const bool bounded = blocks >= k;
  const T bound = sorted[rank];
  chosen.clear();
  for (std::int64_t b = 0; b < blocks; ++b) {
    if (bounded && maxima[b] < bound) continue;
    const std::int64_t end = std::min(count, (b + 1) * kBlockOfLogits);
    for (std::int64_t i = b * kBlockOfLogits; i < end; ++i) {
      if (!bounded || ordered(values[i]) >= bound) chosen.push_back(static_cast<TokenId>(i));
    }
  }
}

float to_float(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/// Dot product of two bfloat16 rows, in float32 with 16 partial sums (a fixed order, so it
/// vectorises and repeats).
float dot(const std::uint16_t* a, const std::uint16_t* b, std::int64_t n) {
  std::array<float, 16> sums{};
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int lane = 0; lane < 16; ++lane)
      sums[lane] += to_float(a[i + lane]) * to_float(b[i + lane]);
  }
  float total = 0;
  for (; i < n; ++i) total += to_float(a[i]) * to_float(b[i]);
  return std::accumulate(sums.begin(), sums.end(), total);
}

float soft_capped(float logit, double cap) {
  return cap > 0 ? static_cast<float>(cap * std::tanh(logit / cap)) : logit;
}

/// What makes a logit of a product with the head, in float32: its bias and soft cap.
class Finish {
 public:
  explicit Finish(const Weights& weights) : cap_(weights.config.logit_softcap) {
    if (weights.head_bias.defined())
      bias_ = weights.head_bias.detach().to(torch::kFloat32).contiguous();
  }
  float operator()(float product, TokenId id) const {
    if (bias_.defined()) product += bias_.data_ptr<float>()[id];
    return soft_capped(product, cap_);
  }

 private:
  torch::Tensor bias_;
  double cap_;
};

struct Scored {
  float score;
  TokenId id;
  bool operator<(const Scored& other) const {
    return score != other.score ? score > other.score : id < other.id;
  }
};

void write_row(Candidates& out, std::int64_t row, std::vector<Scored>& found, double temperature) {
  // nan logits are never chosen; the caller tells of the one that is left here
  while (static_cast<std::int64_t>(found.size()) < out.width)
    found.push_back({std::numeric_limits<float>::quiet_NaN(), 0});
  std::partial_sort(found.begin(), found.begin() + out.width, found.end());
  double total = 0;
  for (std::int64_t j = 0; j < out.width; ++j)
    total += std::exp((found[j].score - found[0].score) / temperature);
  for (std::int64_t j = 0; j < out.width; ++j) {
    out.ids[row * out.width + j] = found[j].id;
    out.scores[row * out.width + j] = found[j].score;
    out.probabilities[row * out.width + j] =
        static_cast<float>(std::exp((found[j].score - found[0].score) / temperature) / total);
  }
}

/// A chunk of the rows, of which `first` is the first.
void search_cpu_float32(Candidates& out, std::int64_t first, const torch::Tensor& scores_RV,
                        double temperature) {
  const std::int64_t V = scores_RV.size(1);
  const float* scores = scores_RV.data_ptr<float>();
  at::parallel_for(0, scores_RV.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> maxima, sorted;
    std::vector<TokenId> chosen;
    std::vector<Scored> found;
    for (std::int64_t row = begin; row < end; ++row) {
      const float* values = scores + row * V;
      select_largest(values, V, out.width, maxima, sorted, chosen);
      found.clear();
      for (const TokenId id : chosen) found.push_back({values[id], id});
      write_row(out, first + row, found, temperature);
    }
  });
}

void search_cpu_bfloat16(Candidates& out, std::int64_t first, const torch::Tensor& scores_RV,
                         const torch::Tensor& hidden_RD, const Weights& weights,
                         double temperature) {
  const torch::Tensor head_VD = weights.head;
  const Finish finish(weights);
  const std::int64_t V = scores_RV.size(1), D = hidden_RD.size(1);
  const auto* scores = reinterpret_cast<const std::int16_t*>(scores_RV.data_ptr<at::BFloat16>());
  const auto* hidden = reinterpret_cast<const std::uint16_t*>(hidden_RD.data_ptr<at::BFloat16>());
  const auto* head = reinterpret_cast<const std::uint16_t*>(head_VD.data_ptr<at::BFloat16>());
  at::parallel_for(0, scores_RV.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int16_t> maxima, sorted;
    std::vector<TokenId> chosen;
    std::vector<Scored> found;
    for (std::int64_t row = begin; row < end; ++row) {
      select_largest(scores + row * V, V, kept_candidates(V, out.width), maxima, sorted, chosen);
      found.clear();
      for (const TokenId id : chosen)
        found.push_back({finish(dot(hidden + row * D, head + id * D, D), id), id});
      write_row(out, first + row, found, temperature);
    }
  });
}

/// Rows of the head that a row of a chunk is multiplied with again, for each of its candidates: in
/// the weights' dtype and in float32.
std::int64_t rescored_bytes(const Weights& weights) {
  return weights.head.size(1) * (weights.head.element_size() + 4);
}

void search_device(Candidates& out, std::int64_t first, const torch::Tensor& scores_RV,
                   const torch::Tensor& hidden_RD, const Weights& weights, double temperature,
                   std::int64_t most_bytes) {
  const std::int64_t R = scores_RV.size(0), kept = kept_candidates(scores_RV.size(1), out.width);
  const torch::Tensor ids = std::get<1>(scores_RV.topk(kept, 1));
  const torch::Tensor wide_RD1 = hidden_RD.to(torch::kFloat32).unsqueeze(2);
  // all of them at once, but where even a single row's are too many
  const std::int64_t part =
      std::clamp<std::int64_t>(most_bytes / (R * rescored_bytes(weights)), 1, kept);
  std::vector<torch::Tensor> products;
  for (std::int64_t begin = 0; begin < kept; begin += part) {
    const torch::Tensor some = ids.narrow(1, begin, std::min(part, kept - begin));
    const torch::Tensor rows =
        weights.head.index_select(0, some.flatten()).view({R, some.size(1), -1});
    products.push_back(torch::bmm(rows.to(torch::kFloat32), wide_RD1).squeeze(2));
  }
  torch::Tensor exact = torch::cat(products, 1);
  if (weights.head_bias.defined()) {
    exact = exact + weights.head_bias.index_select(0, ids.flatten()).view({R, kept}).to(
                        torch::kFloat32);
  }
  // bits of floats, so that both come in one copy
  const torch::Tensor both =
      torch::stack({ids.to(torch::kInt32), exact.view(torch::kInt32)}).to(torch::kCPU).contiguous();
  const auto* id = both.data_ptr<std::int32_t>();
  const std::int32_t* bits = id + R * kept;
  std::vector<Scored> found;
  for (std::int64_t row = 0; row < R; ++row) {
    found.clear();
    for (std::int64_t j = 0; j < kept; ++j, ++id, ++bits)
      found.push_back({soft_capped(std::bit_cast<float>(*bits), weights.config.logit_softcap), *id});
    write_row(out, first + row, found, temperature);
  }
}

/// Rows whose logits are looked at together.
std::int64_t chunk_rows(const Weights& weights, const torch::Tensor& hidden_RD, std::int64_t width,
                        std::int64_t most_bytes) {
  const std::int64_t V = weights.head.size(0);
  std::int64_t bytes = V * hidden_RD.element_size();
  if (!hidden_RD.is_cpu()) bytes += kept_candidates(V, width) * rescored_bytes(weights);
  return std::max<std::int64_t>(1, most_bytes / bytes);
}

}  // namespace

std::size_t nucleus(std::span<const float> probabilities, double top_p) {
  std::size_t kept = 0;
  for (double before = 0; kept < probabilities.size() && (kept == 0 || before < top_p); ++kept)
    before += probabilities[kept];
  return kept;
}

Candidates find_candidates(const Weights& weights, const torch::Tensor& hidden_RD,
                           std::int64_t top_k, double temperature, std::int64_t most_bytes) {
  torch::NoGradGuard no_grad;
  require(top_k >= 2 && temperature > 0, "find_candidates: top_k >= 2 and temperature > 0");
  Candidates out;
  out.width = std::min(top_k, weights.head.size(0));
  const auto total = static_cast<std::size_t>(hidden_RD.size(0) * out.width);
  out.ids.resize(total);
  out.scores.resize(total);
  out.probabilities.resize(total);
  if (total == 0) return out;
  const std::int64_t rows = chunk_rows(weights, hidden_RD, out.width, most_bytes);
  for (std::int64_t first = 0; first < hidden_RD.size(0); first += rows) {
    const torch::Tensor hidden =
        hidden_RD.narrow(0, first, std::min(rows, hidden_RD.size(0) - first)).contiguous();
    const torch::Tensor scores_RV = logits(weights, hidden).contiguous();
    if (!hidden.is_cpu()) {
      search_device(out, first, scores_RV, hidden, weights, temperature, most_bytes);
    } else if (hidden.scalar_type() == torch::kBFloat16) {
      search_cpu_bfloat16(out, first, scores_RV, hidden, weights, temperature);
    } else {
      search_cpu_float32(out, first, scores_RV, temperature);
    }
  }
  if (!std::all_of(out.scores.begin(), out.scores.end(),
                   [](float score) { return std::isfinite(score); })) {
    throw InputError(
        "the model's logits are not finite: its weights hold nan or infinity, or training "
        "diverged.");
  }
  return out;
}

}  // namespace factsweep
