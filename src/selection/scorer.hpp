// Scores of candidates: functions of a candidate's inner products with the K shots and of its
// squared length, so that rough and exact scores come from the same few lines.
//
// Why exact: a product of two float32 is exact in float64 (24 + 24 bits of 53), so a sum of D of
// them in a fixed order is one number on every machine, with fused multiply-adds or without, while
// the last bits of a matrix product change with its shape.
#pragma once

#include <torch/types.h>

#include <functional>
#include <span>
#include <vector>

#include "factsweep/selection/sim_div.hpp"

namespace factsweep {

/// Bounds the error of a float32 inner product of rows of width D and length at most 1.001, summed
/// in any order, and of a squared length: gamma_D |u| |v| with gamma_D ~ D 2^-24 (Higham, Accuracy
/// and Stability of Numerical Algorithms, section 3.1), doubled. TF32 must be off, torch's default.
double product_error(std::int64_t width);

/// Sum over d of u[d] v[d] in float64, from the first on.
double exact_product(const float* u, const float* v, std::int64_t width);

/// Squared lengths [n] of rows [n, width]. InputError unless they are finite and near 1: `what`
/// ("candidate") and `first` name a row.
torch::Tensor checked_lengths(const torch::Tensor& rows, std::int64_t width, const char* what,
                              std::int64_t first);

class Shots {
 public:
  explicit Shots(const torch::Tensor& shots_KD);
  std::int64_t count() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t width() const { return rows_KD_.size(1); }
  const torch::Tensor& rows() const { return rows_KD_; }
  /// Inner products [K] of a row with all shots, each as exact_product().
  std::vector<double> products(const float* row) const;
  /// Inner products [K] of shot i with all.
  std::vector<double> products_of(std::int64_t i) const;
  /// Squared lengths [K].
  const std::vector<double>& lengths() const { return lengths_; }

 private:
  torch::Tensor rows_KD_;         // on the CPU
  std::vector<double> shots_DK_;  // the inner loop runs over K sums that do not wait for each other
  std::vector<double> lengths_;
};

/// A score, the larger the better, from products [K] and the squared length; and how far it moves
/// at most when each of them moves by product_error().
struct Scorer {
  std::function<double(std::span<const double> products, double length)> score;
  double error = 0;
  /// Where it is not empty: what a draw adds to the score of each candidate.
  std::function<double(std::int64_t candidate)> noise = {};

  double of(std::int64_t candidate, std::span<const double> products, double length) const {
    return score(products, length) + (noise ? noise(candidate) : 0);
  }
};

/// cosine, centroid or kde.
Scorer make_scorer(const Shots& shots, const DataSettings& settings);

/// -|u - p|^2 for p = sum of weight_i u_i / sum of weights: |u|^2 and the products are all it
/// takes. Not normalised beforehand, so that the centroid's sums are as exact as its products.
Scorer point_scorer(const Shots& shots, const std::vector<double>& weights);

}  // namespace factsweep
