// Gradients of the training path on CPUs, which are written by hand, against autograd's: in float64
// every step is a chain of tensor operations.
#include <algorithm>

#include "catch.hpp"
#include "factsweep/model/transformer.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

/// Texts of these lengths, and the rows of their last tokens.
struct Batch {
  std::vector<std::vector<std::int32_t>> texts;
  std::vector<std::int64_t> rows, targets;

  explicit Batch(const std::vector<std::size_t>& lengths) {
    std::int64_t end = 0;
    for (const std::size_t length : lengths) {
      std::vector<std::int32_t> text(length);
      for (std::size_t t = 0; t < length; ++t)
        text[t] = static_cast<std::int32_t>((7 * length + 13 * t + t * t) % 61);
      texts.push_back(text);
      end += static_cast<std::int64_t>(length);
      for (std::int64_t row = std::max<std::int64_t>(end - 3, end - static_cast<int>(length));
           row < end; ++row) {
        rows.push_back(row);
        targets.push_back(row * 5 % 61);
      }
    }
  }
};

struct Gradients {
  torch::Tensor losses;
  std::vector<torch::Tensor> values;
};

/// With `frozen_head` the head is a copy without a gradient.
Gradients gradients(const Weights& base, torch::Dtype dtype, const Batch& batch, bool frozen_head) {
  Weights weights = base.clone(dtype, true);
  const std::vector<torch::Tensor> leaves = weights.parameters();
  if (frozen_head) weights.head = weights.head.detach().clone();
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(batch.texts, {&start, 1}, test_device());
  const torch::Tensor hidden =
      hidden_states(weights, packed, {.rows_R = placed(torch::tensor(batch.rows))});
  Gradients found = {cross_entropy(weights, hidden, placed(torch::tensor(batch.targets))), {}};
  // each row's own weight: a gradient that takes one for all would show
  const torch::Tensor weight = placed(torch::linspace(0.5, 2, found.losses.size(0)));
  (found.losses * weight.to(found.losses.scalar_type())).sum().backward();
  for (const torch::Tensor& leaf : leaves)
    found.values.push_back(leaf.grad().defined() ? leaf.grad() : torch::zeros_like(leaf));
  return found;
}

double distance(const torch::Tensor& found, const torch::Tensor& expected) {
  const torch::Tensor wide = expected.to(torch::kFloat64);
  return ((found.to(torch::kFloat64) - wide).abs().max() / wide.abs().max().clamp_min(1e-12))
      .item<double>();
}

}  // namespace

TEST_CASE("gradients of the training path are autograd's") {
  const char* name = GENERATE("llama-tied", "llama3-untied", "families/llama", "families/qwen2");
  INFO(name);
  const Weights base = Weights::load(model_data(name), torch::kFloat32, test_device());
  const bool frozen_head = GENERATE(false, true);
  const Batch batch({5, 1, 150, 64, 65, 2});
  const Gradients found = gradients(base, torch::kFloat32, batch, frozen_head);
  const Gradients expected = gradients(base, torch::kFloat64, batch, frozen_head);
  CHECK(distance(found.losses, expected.losses) < 1e-5);
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    INFO("parameter " << i);
    CHECK(distance(found.values[i], expected.values[i]) < 2e-5);
  }
  const Gradients rounded = gradients(base, torch::kBFloat16, batch, frozen_head);
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    INFO("parameter " << i);
    CHECK(distance(rounded.values[i], expected.values[i]) < 0.15);
  }
}

TEST_CASE("the training path gives a sequence what it gives it alone, bit for bit", "[cpu]") {
  const Weights base = Weights::load(model_data("llama-tied"), torch::kFloat32, test_device());
  const Batch batch({70, 9, 33});
  const auto hidden_of = [&](const std::vector<std::vector<std::int32_t>>& texts) {
    const std::int64_t start = 0;
    return hidden_states(base, PackedTokens::pack(texts, {&start, 1}, test_device()));
  };
  const torch::Tensor all = hidden_of(batch.texts);
  std::int64_t first = 0;
  for (const auto& text : batch.texts) {
    const torch::Tensor own = hidden_of({text});
    CHECK(torch::equal(all.narrow(0, first, own.size(0)), own));
    first += own.size(0);
  }
}
