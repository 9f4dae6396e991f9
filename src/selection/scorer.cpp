#include "scorer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "factsweep/core/error.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"

namespace factsweep {

using torch::Tensor;

double product_error(std::int64_t width) {
  return static_cast<double>(width + 8) * 0x1p-23;
}

double exact_product(const float* u, const float* v, std::int64_t width) {
  double sum = 0;
  for (std::int64_t d = 0; d < width; ++d)
    sum += static_cast<double>(u[d]) * static_cast<double>(v[d]);
  return sum;
}

Tensor checked_lengths(const Tensor& rows, std::int64_t width, const char* what,
                       std::int64_t first) {
  require(rows.dim() == 2 && rows.scalar_type() == torch::kFloat32,
          "embeddings are [n, D] in float32");
  if (rows.size(1) != width) {
    throw InputError(fmt::format(
        "{} {}: its embedding has width {}, the shots have {}. Embed both with one encoder.", what,
        first, rows.size(1), width));
  }
  const Tensor length = torch::linalg_vector_norm(rows, 2, at::IntArrayRef{1});
  const Tensor good = (length - 1).abs() <= 1e-3;  // false of NaN
  if (!good.all().item<bool>()) {
    const std::int64_t row = good.logical_not().nonzero()[0].item<std::int64_t>();
    const double value = length[row].item<double>();
    throw InputError(fmt::format(
        "{} {}: its embedding {}. Embed its text again{}.", what, first + row,
        std::isfinite(value) ? fmt::format("has length {:.4g}", value) : "is not finite",
        std::isfinite(value) ? ", normalised to length 1" : ""));
  }
  return length.square();
}

Shots::Shots(const Tensor& shots_KD) {
  require(shots_KD.dim() == 2, "shots are [K, D]");
  if (shots_KD.size(0) == 0) {
    throw InputError("no shots: data are selected by their similarity to at least one.");
  }
  checked_lengths(shots_KD, shots_KD.size(1), "shot", 0);
  rows_KD_ = shots_KD.detach().cpu().contiguous();
  const Tensor by_dimension = rows_KD_.t().to(torch::kFloat64).contiguous();
  shots_DK_.assign(by_dimension.data_ptr<double>(),
                   by_dimension.data_ptr<double>() + by_dimension.numel());
  for (std::int64_t k = 0; k < rows_KD_.size(0); ++k) {
    const float* row = rows_KD_.data_ptr<float>() + k * width();
    lengths_.push_back(exact_product(row, row, width()));
  }
}

std::vector<double> Shots::products(const float* row) const {
  std::vector<double> sums(lengths_.size());
  const double* shot = shots_DK_.data();
  for (std::int64_t d = 0; d < width(); ++d, shot += sums.size()) {
    const double value = row[d];
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += value * shot[k];
  }
  return sums;
}

std::vector<double> Shots::products_of(std::int64_t i) const {
  return products(rows_KD_.data_ptr<float>() + i * width());
}

Scorer point_scorer(const Shots& shots, const std::vector<double>& weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double square = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::vector<double> products = shots.products_of(static_cast<std::int64_t>(i));
    for (std::size_t j = 0; j < weights.size(); ++j)
      square += weights[i] * weights[j] * products[j];
  }
  square /= total * total;
  const auto score = [weights, total, square](std::span<const double> products, double length) {
    double sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * products[i];
    return 2 * sum / total - length - square;
  };
  return {score, 4 * product_error(shots.width())};
}

namespace {

/// A standard Gumbel number of each candidate: the C largest sums of log density and Gumbel numbers
/// are C draws without replacement, each with probability in proportion to density among those that
/// are left (Yellott 1977; Kool et al., arXiv 1903.06059). Another bandwidth draws other numbers.
std::function<double(std::int64_t)> gumbel_noise(std::uint64_t seed, double gamma) {
  const std::uint64_t key =
      hash_words({hash_text("density"), seed, std::bit_cast<std::uint64_t>(gamma)});
  return [key](std::int64_t candidate) {
    CounterRandom random(hash_words({key, static_cast<std::uint64_t>(candidate)}));
    return -std::log(-std::log1p(-random.uniform()));
  };
}

Scorer density_scorer(const Shots& shots, double gamma, std::uint64_t seed) {
  const double scale = 1 / (2 * gamma * gamma);
  const double constant = std::log(static_cast<double>(shots.count()) * gamma);
  const auto score = [lengths = shots.lengths(), scale, constant](std::span<const double> products,
                                                                  double length) {
    std::vector<double> distances;  // squared
    for (std::size_t i = 0; i < lengths.size(); ++i)
      distances.push_back(length + lengths[i] - 2 * products[i]);
    // equal distances to other shots give an equal density: added in order of size
    std::sort(distances.begin(), distances.end());
    double sum = 0;
    for (const double distance : distances) sum += std::exp((distances.front() - distance) * scale);
    return std::log(sum) - distances.front() * scale - constant;
  };
  return {score, 4 * product_error(shots.width()) * scale, gumbel_noise(seed, gamma)};
}

}  // namespace

Scorer make_scorer(const Shots& shots, const DataSettings& settings) {
  switch (settings.similarity) {
    case Similarity::cosine:
      return {[](std::span<const double> products, double) {
                return *std::max_element(products.begin(), products.end());
              },
              product_error(shots.width())};
    case Similarity::centroid:
      return point_scorer(shots, std::vector<double>(static_cast<std::size_t>(shots.count()), 1.0));
    case Similarity::kde:
      return density_scorer(shots, settings.gamma, settings.seed);
    case Similarity::convex_hull:
    case Similarity::random:
      break;
  }
  throw BugError("make_scorer: not a score by the shots alone");
}

}  // namespace factsweep
