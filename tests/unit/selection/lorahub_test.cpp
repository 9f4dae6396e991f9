// LoRAHub's search for weights.
#include "factsweep/selection/lorahub.hpp"

#include <cmath>

#include "catch.hpp"
#include "factsweep/model/torch.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;

TEST_CASE("lorahub: a search without gradients finds the smallest loss") {
  const std::vector<double> goal = {0.7, -1.1, 0.2};
  std::int64_t asked = 0;
  const auto loss = [&](const std::vector<double>& weights) {
    ++asked;
    double sum = 0;
    for (std::size_t i = 0; i < goal.size(); ++i) sum += std::pow(weights[i] - goal[i], 2);
    return sum;
  };
  const auto found = search_weights(3, 200, loss, CounterRandom(1));
  CHECK(asked == 201);
  for (std::size_t i = 0; i < goal.size(); ++i) CHECK(std::abs(found[i] - goal[i]) < 0.02);
  CHECK(found == search_weights(3, 200, loss, CounterRandom(1)));
  CHECK(found != search_weights(3, 200, loss, CounterRandom(2)));
  // the loss decides: nothing is better than zeros here
  const auto away = [](const std::vector<double>& w) { return std::abs(w[0]) + std::abs(w[1]); };
  CHECK(search_weights(2, 20, away, CounterRandom(1)) == std::vector<double>{0, 0});
}

TEST_CASE("lorahub: a sum of unlike adapters is that of their matrices, filled up with zeros") {
  const Weights base = family_weights("llama");
  std::vector<LoraAdapter> adapters;
  std::vector<LoraConfig> configs;
  for (const std::int64_t rank : {2, 4}) {
    LoraConfig config{.rank = rank, .alpha = 6};
    config.targets.names = {"q_proj"};
    if (rank == 4) config.targets.names.emplace_back("v_proj");
    const LoraAdapter adapter =
        LoraAdapter::create(config, base, static_cast<std::uint64_t>(rank), "test");
    for (const auto& [name, tensor] : adapter.named()) tensor.normal_();
    adapters.push_back(adapter);
    configs.push_back(config);
  }
  const std::vector<double> weights = {0.7, -0.4};
  CHECK_THROWS_AS(weighted_sum(adapters, weights), InputError);
  const LoraConfig form = common_form(configs, base.config);
  std::vector<LoraAdapter> alike;
  for (const LoraAdapter& adapter : adapters) alike.push_back(adapter.in_form(form));
  const LoraAdapter sum = weighted_sum(alike, weights);
  const auto part_of = [](const LoraAdapter& adapter, const std::string& module) {
    for (const LoraSlot& slot : adapter.slots()) {
      for (const LoraPart& part : slot.parts) {
        if (part.module == module)
          return std::pair(slot.A.narrow(0, part.rank_first, part.rank).cpu(), part.B.cpu());
      }
    }
    return std::pair(torch::Tensor(), torch::Tensor());
  };
  // q_proj: scale 3 of the first; the second's is 1.5
  const auto [A, B] = part_of(sum, "model.layers.0.self_attn.q_proj");
  const auto [A1, B1] = part_of(adapters[0], "model.layers.0.self_attn.q_proj");
  const auto [A2, B2] = part_of(adapters[1], "model.layers.0.self_attn.q_proj");
  torch::Tensor expected_A = -0.4 * A2, expected_B = -0.4 * B2 * 0.5;
  expected_A.narrow(0, 0, 2).add_(0.7 * A1);
  expected_B.narrow(1, 0, 2).add_(0.7 * B1);
  CHECK((A - expected_A).abs().max().item<double>() < 1e-6);
  CHECK((B - expected_B).abs().max().item<double>() < 1e-6);
  // v_proj: of the second alone
  const auto [Av, Bv] = part_of(sum, "model.layers.0.self_attn.v_proj");
  const auto [Av2, Bv2] = part_of(adapters[1], "model.layers.0.self_attn.v_proj");
  CHECK((Av + 0.4 * Av2).abs().max().item<double>() < 1e-6);
  CHECK((Bv + 0.4 * Bv2).abs().max().item<double>() < 1e-6);
}
