// Sums on a model's parameters, and how far they moved.
#include <cmath>

#include "catch.hpp"
#include "factsweep/adapter/weight_changes.hpp"
#include "factsweep/model/torch.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;

TEST_CASE("a sum of terms is rounded once", "[weights]") {
  torch::NoGradGuard no_grad;
  const Weights base = Weights::load(model_data("llama-tied"), torch::kBFloat16, test_device());
  const auto thousandth = [](const std::string&, at::IntArrayRef shape) {
    return torch::full(shape, 1e-3F);
  };
  Weights sum = base.clone(torch::kBFloat16);
  std::vector<WeightTerm> terms(2);
  terms[0].delta = terms[1].delta = thousandth;
  terms[1].factor = 0.25;
  add_terms(sum, terms);
  const NamedTensors before = base.named(), after = sum.named();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const torch::Tensor right =
        (before[i].second.to(torch::kFloat32) + 1e-3F + 0.25 * 1e-3F).to(torch::kBFloat16);
    CHECK(torch::equal(after[i].second, right));
  }
}

TEST_CASE("a range of layers forgets alone, and an adapter's term is its merge", "[weights]") {
  torch::NoGradGuard no_grad;
  const Weights base = Weights::load(model_data("llama-tied"), torch::kFloat32, test_device());
  LoraConfig config;
  config.rank = 2;
  config.targets.names = {"q_proj", "v_proj"};
  const LoraAdapter adapter = LoraAdapter::create(config, base, 1, "test");
  for (const auto& [name, tensor] : adapter.parameters()) tensor.normal_();
  Weights merged = base.clone(torch::kFloat32), sum = base.clone(torch::kFloat32);
  adapter.merge(merged);
  std::vector<WeightTerm> terms(1);
  terms[0].adapter = adapter;
  add_terms(sum, terms);
  CHECK(torch::allclose(sum.layers[0].linears[dense::qkv].weight,
                        merged.layers[0].linears[dense::qkv].weight, 1e-5, 1e-6));
  CHECK_FALSE(torch::equal(sum.layers[0].linears[dense::qkv].weight,
                           base.layers[0].linears[dense::qkv].weight));

  Weights second = base.clone(torch::kFloat32);
  terms[0].range = LayerRange::parse("1", base.config.layers, "test");
  add_terms(second, terms);
  CHECK(torch::equal(second.layers[0].linears[dense::qkv].weight,
                     base.layers[0].linears[dense::qkv].weight));
  CHECK(torch::equal(second.layers[1].linears[dense::qkv].weight,
                     sum.layers[1].linears[dense::qkv].weight));
  terms[0] = WeightTerm{
      .factor = -2,
      .delta = [](const std::string&, at::IntArrayRef shape) { return torch::ones(shape); },
      .adapter = {},
      .range = LayerRange::parse("0-0", base.config.layers, "test")};
  Weights first = base.clone(torch::kFloat32);
  add_terms(first, terms);
  CHECK(torch::allclose(first.layers[0].linears[dense::down].weight,
                        base.layers[0].linears[dense::down].weight - 2));
  CHECK(torch::equal(first.layers[1].linears[dense::down].weight,
                     base.layers[1].linears[dense::down].weight));
  CHECK(torch::equal(first.embedding, base.embedding));
}

TEST_CASE("a table of changes: norms, cosines, and what a model lacks", "[weights]") {
  torch::NoGradGuard no_grad;
  const Weights base = Weights::load(model_data("llama-tied"), torch::kFloat32, test_device());
  Matrices matrices = Matrices::of({&base.config, 1});
  CHECK(matrices.modules.size() == 7);  // q, k, v, o, gate, up, down
  CHECK(matrices.layers == static_cast<std::size_t>(base.config.layers));
  matrices.modules.emplace_back("of another model");
  const WeightTerm term{
      .factor = -3,
      .delta = [](const std::string&, at::IntArrayRef shape) { return torch::ones(shape); },
      .range = LayerRange::parse("1", base.config.layers, "test")};
  const Weights after = sum_of(base.clone(torch::kFloat32), {&term, 1}, torch::kFloat32);
  const WeightChange whole = whole_change(term, base);
  const ChangeTable moved = tabulate(base.config, matrices, difference_of(base, after), whole),
                    planned = tabulate(base.config, matrices, scaled_change(whole, term));
  const std::size_t columns = matrices.modules.size();
  for (std::size_t module = 0; module + 1 < columns; ++module) {
    CHECK(moved.norm[module] == 0);  // of layer 0
    CHECK(planned.norm[module] == 0);
    CHECK(std::isnan(moved.cosine[module]));
    CHECK(moved.norm[columns + module] == Approx(planned.norm[columns + module]).epsilon(1e-4));
    CHECK(moved.cosine[columns + module] == Approx(-1).epsilon(1e-4));
    CHECK(std::isnan(planned.cosine[columns + module]));
  }
  CHECK(std::isnan(moved.norm[columns - 1]));
}
