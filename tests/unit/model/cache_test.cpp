// The cache of keys and values: rows that sequences go on from, and memory that grows.
#include "factsweep/model/cache.hpp"

#include "catch.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/model/transformer.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

const std::int64_t kStart = 0;

PackedTokens packed(const std::vector<std::vector<TokenId>>& texts) {
  return PackedTokens::pack(texts, {&kStart, 1}, test_device());
}

/// One token for each of `rows`, whose keys and values of both layers are `value` + row.
void step(KeyValueCache& cache, const std::vector<std::int64_t>& rows, float value) {
  const std::vector<std::vector<TokenId>> texts(rows.size(), {1});
  const torch::Tensor rows_B = placed(torch::tensor(rows));
  const torch::Tensor fresh =
      (rows_B.to(torch::kFloat32) + value).view({-1, 1, 1, 1}).expand({-1, 2, 1, 4});
  for (const std::size_t layer : {0U, 1U}) cache.write(layer, fresh, -fresh, rows_B);
  cache.advance(packed(texts), rows_B);
}

}  // namespace

TEST_CASE("sequences part on rows of their own, and dead rows are taken again") {
  KeyValueCache cache(4, 200);
  CHECK(cache.empty());
  step(cache, {0, 1}, 10);
  CHECK(cache.part_rows({0, 1}) == std::vector<std::int64_t>{0, 1});
  CHECK(cache.part_rows({1, 1, 1}) == std::vector<std::int64_t>{1, 0, 2});
  step(cache, {1, 0, 2}, 20);
  CHECK(cache.part_rows({2, 0, 2, 2}) == std::vector<std::int64_t>{2, 0, 1, 3});
  CHECK(cache.attended() == 2);
  const torch::Tensor expected = placed(torch::tensor({{11.F, 20.F}, {11.F, 22.F}, {11.F, 22.F}}));
  for (const std::size_t layer : {0U, 1U}) {
    const LayerCache kept = cache.layer(layer);
    CHECK(torch::equal(kept.keys.narrow(0, 0, 3).select(1, 1).select(2, 3), expected));
    CHECK(torch::equal(kept.values, -kept.keys));
  }
  CHECK(cache.valid({}).all().item<bool>());
  cache.hide(placed(torch::tensor({1})));
  CHECK(cache.valid(placed(torch::tensor({3, 1, 1}))).sum().item<std::int64_t>() == 2);
  CHECK_THROWS_AS(cache.part_rows({0, 0, 0, 0, 0}), BugError);
}

TEST_CASE("a cache keeps what it holds when it grows, up to its capacity") {
  KeyValueCache cache(2, 300);
  for (int i = 0; i < 300; ++i) step(cache, {1, 0}, static_cast<float>(i));
  const torch::Tensor expected = placed(torch::arange(300).to(torch::kFloat32) + 1);
  CHECK(torch::equal(cache.layer(1).keys[1][0].select(1, 2), expected));
  CHECK(cache.valid(placed(torch::tensor({0}))).sum().item<std::int64_t>() == 300);
  CHECK_THROWS_AS(step(cache, {0, 1}, 0), BugError);
}

TEST_CASE("a cache of one pass marks the places without a token, and takes no second pass") {
  torch::NoGradGuard no_grad;
  const Weights weights = Weights::load(model_data("llama-tied"), torch::kFloat32, test_device());
  KeyValueCache cache;
  hidden_states(weights, packed({{5, 9, 2}, {7}}), {.keep = &cache});
  CHECK(cache.attended() == 3);
  const torch::Tensor valid = placed(torch::tensor({{1, 1, 1}, {1, 0, 0}}).to(torch::kBool));
  CHECK(torch::equal(cache.valid({}), valid));
  // nothing may be multiplied with what memory happened to hold
  CHECK(cache.layer(0).values[1].slice(1, 1).abs().max().item<double>() == 0);
  CHECK_THROWS_AS(hidden_states(weights, packed({{5}, {7}}), {.keep = &cache}), BugError);
}
