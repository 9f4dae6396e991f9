// Dropout masks: the generator's known values, mean and independence, and that nothing but the
// row's own text decides them.
#include "factsweep/model/dropout.hpp"

#include <cmath>

#include "catch.hpp"
#include "factsweep/core/random.hpp"
#include "factsweep/model/torch.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using torch::Tensor;

namespace {

std::vector<std::int64_t> all_rows(std::int64_t count) {
  std::vector<std::int64_t> rows;
  for (std::int64_t row = 0; row < count; ++row) rows.push_back(row);
  return rows;
}

/// 1 where an element stays, float32.
Tensor kept(const DropoutMasks& masks, std::int64_t rows, std::int64_t columns, double p,
            std::uint64_t place) {
  return masks.drop(torch::ones({rows, columns}, test_device()), p, place)
      .gt(0)
      .to(torch::kFloat32);
}

std::string text_of(const Tensor& row) {
  std::string bits;
  for (std::int64_t i = 0; i < row.size(0); ++i) bits += row[i].item<float>() > 0 ? '1' : '0';
  return bits;
}

/// Of standardised masks: how far a mean of products is from zero, in standard deviations.
double score(const Tensor& products) {
  return products.sum(torch::kFloat64).item<double>() /
         std::sqrt(static_cast<double>(products.numel()));
}

}  // namespace

TEST_CASE("masks are the hash that the header names, computed by another program") {
  const DropoutMasks masks({{7, 2}, {0xfedcba9876543210, 6}}, all_rows(8), test_device());
  const Tensor half = kept(masks, 8, 40, 0.5, 1);
  CHECK(text_of(half[0]) == "0000000101000100000000100010111100001101");
  CHECK(text_of(half[1]) == "1001100001101110101111001001011010100101");
  CHECK(text_of(kept(masks, 8, 40, 0.25, 0x123456789abcdef)[7]) ==
        "0111101101100111111110100011101101101101");
}

TEST_CASE("a share of p is dropped, independently by row, column and place") {
  const double p = GENERATE(0.05, 0.5, 0.9);
  constexpr std::int64_t kTexts = 16, kTokens = 50, kRows = kTexts * kTokens, kColumns = 768;
  std::vector<DropoutMasks::Text> texts;
  for (std::uint64_t t = 0; t < kTexts; ++t) texts.push_back({t, kTokens});
  const DropoutMasks masks(texts, all_rows(kRows), test_device());
  std::vector<Tensor> places;
  for (const std::uint64_t place : std::vector<std::uint64_t>{0, 1, 2, hash_text("a module")})
    places.push_back((kept(masks, kRows, kColumns, p, place) - (1 - p)) / std::sqrt(p * (1 - p)));
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Tensor& z = places[i];
    CHECK(std::abs(score(z)) < 4.5);
    for (const std::int64_t shift : {1, 2, 3, 8, 16, 64, 256}) {
      INFO("place " << i << ", shift " << shift);
      CHECK(std::abs(score(z.narrow(1, shift, kColumns - shift) *
                           z.narrow(1, 0, kColumns - shift))) < 4.5);
      CHECK(std::abs(score(z.narrow(0, shift, kRows - shift) * z.narrow(0, 0, kRows - shift))) <
            4.5);
    }
    // sums of rows and of columns scatter as sums of independent numbers do
    for (const std::int64_t dim : {0, 1}) {
      const Tensor sums = z.sum(dim) / std::sqrt(static_cast<double>(z.size(dim)));
      const auto count = static_cast<double>(sums.numel());
      CHECK(std::abs(sums.square().mean().item<double>() - 1) < 5 * std::sqrt(2 / count));
    }
    for (std::size_t j = 0; j < i; ++j) CHECK(std::abs(score(z * places[j])) < 4.5);
  }
}

TEST_CASE("a text has the same masks wherever and with whomever it passes") {
  const DropoutMasks::Text a{1, 4}, b{2, 3}, c{3, 5};
  const DropoutMasks whole({a, b, c}, {3, 5, 6, 11}, test_device());
  const Tensor expected = kept(whole, 12, 33, 0.3, 9);
  const DropoutMasks other({c, b}, {0}, test_device());
  CHECK(torch::equal(kept(other, 8, 33, 0.3, 9),
                     torch::cat({expected.narrow(0, 7, 5), expected.narrow(0, 4, 3)})));
  CHECK(torch::equal(kept(whole, 4, 33, 0.3, 9),
                     expected.index_select(0, placed(torch::tensor({3, 5, 6, 11})))));
  const Tensor ones = torch::ones({3, 33}, test_device());
  const Tensor part = whole.drop(ones, 0.3, 9, 4, 12).gt(0).to(torch::kFloat32);
  CHECK(torch::equal(part, expected.narrow(0, 4, 3)));
  // fewer columns are the first of many, more dropping drops more
  CHECK(torch::equal(kept(whole, 12, 20, 0.3, 9), expected.narrow(1, 0, 20)));
  CHECK((expected - kept(whole, 12, 33, 0.5, 9)).min().item<float>() >= 0);
  CHECK_FALSE(torch::equal(kept(whole, 12, 33, 0.3, 8), expected));
  CHECK(kept(whole, 12, 33, 0, 9).min().item<float>() == 1);
}

TEST_CASE("what stays grows, in value and gradient, and is rounded once") {
  const DropoutMasks masks({{5, 6}}, {}, test_device());
  const Tensor x = torch::randn({6, 50}, test_device()).requires_grad_(true);
  const Tensor y = masks.drop(x, 0.1, 3);
  y.sum().backward();
  const Tensor mask = kept(masks, 6, 50, 0.1, 3);
  CHECK(torch::allclose(y, x * mask / 0.9));
  CHECK(torch::allclose(x.grad(), mask / 0.9));
  const Tensor narrow = x.detach().to(torch::kBFloat16);
  CHECK(torch::equal(masks.drop(narrow, 0.1, 3),
                     (narrow.to(torch::kFloat32) * mask * static_cast<float>(1 / 0.9))
                         .to(torch::kBFloat16)));
}
