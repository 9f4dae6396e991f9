// Cosines between adapters against loops over the very matrices.
#include "factsweep/selection/diversity.hpp"
#include "factsweep/model/torch.hpp"

#include <cmath>
#include <map>

#include "catch.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
using torch::Tensor;

namespace {

LoraAdapter random_adapter(const Weights& base, std::int64_t rank, std::uint64_t seed,
                           const std::vector<std::string>& targets = {"q_proj", "v_proj"}) {
  torch::NoGradGuard no_grad;
  LoraConfig config;
  config.rank = rank;
  config.alpha = static_cast<double>(seed + 1);
  config.targets.names = targets;
  LoraAdapter adapter = LoraAdapter::create(config, base, seed, "test");
  torch::manual_seed(seed);
  for (const auto& [name, tensor] : adapter.named()) tensor.normal_();
  return adapter;
}

double cosine(const Tensor& a, const Tensor& b) {
  const Tensor u = a.to(torch::kFloat64).reshape({-1}), v = b.to(torch::kFloat64).reshape({-1});
  return (u.dot(v) / (u.norm() * v.norm())).item<double>();
}

/// The similarity of the tensors as their file names them, pair by pair, from whole updates.
double brute_force(const LoraAdapter& one, const LoraAdapter& other, bool absolute, bool products) {
  const NamedTensors first = one.named(), second = other.named();
  REQUIRE(first.size() == second.size());
  std::vector<double> cosines;
  for (std::size_t i = 0; i < first.size(); ++i) {
    REQUIRE(first[i].first == second[i].first);
    if (!products) {
      cosines.push_back(cosine(first[i].second, second[i].second));
    } else if (first[i].first.find("lora_A") != std::string::npos) {
      std::string name = first[i].first;
      name.replace(name.find("lora_A"), 6, "lora_B");
      const auto find = [&](const NamedTensors& tensors) {
        for (const auto& [key, tensor] : tensors) {
          if (key == name) return tensor;
        }
        return Tensor();
      };
      cosines.push_back(
          cosine(find(first).matmul(first[i].second), find(second).matmul(second[i].second)));
    }
  }
  double sum = 0;
  for (const double value : cosines) sum += absolute ? std::abs(value) : value;
  return sum / static_cast<double>(cosines.size());
}

const std::vector<std::string> kNames = {"a", "b", "c", "d"};

void check_against_brute_force(const std::vector<LoraAdapter>& bank, DiversitySettings settings,
                               bool products, double tolerance) {
  const AdapterSimilarity result = adapter_similarity(bank, kNames, settings);
  CHECK(result.products == products);
  const std::size_t n = bank.size();
  REQUIRE(result.cosine.size() == n * n);
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      INFO(a << " " << b);
      CHECK(result.cosine[a * n + b] == result.cosine[b * n + a]);
      CHECK(result.cosine[a * n + b] ==
            Approx(brute_force(bank[a], bank[b], settings.absolute, products)).margin(tolerance));
    }
  }
}

}  // namespace

TEST_CASE("similarity of adapters is that of loops over their matrices") {
  const Weights base = family_weights("llama");
  const std::vector<LoraAdapter> alike = {random_adapter(base, 4, 1), random_adapter(base, 4, 2),
                                          random_adapter(base, 4, 3), random_adapter(base, 4, 4)};
  const std::vector<LoraAdapter> uneven = {random_adapter(base, 4, 1), random_adapter(base, 2, 2),
                                           random_adapter(base, 7, 3), random_adapter(base, 4, 4)};
  for (const bool absolute : {true, false}) {
    check_against_brute_force(alike, {absolute, false}, false, 1e-12);
    // the updates of brute force are formed in float32
    check_against_brute_force(alike, {absolute, true}, true, 1e-6);
    // ranks that differ: updates, asked for or not
    check_against_brute_force(uneven, {absolute, false}, true, 1e-6);
  }
}

TEST_CASE(
    "updates do not change with their factors, and an adapter that adds nothing is alike none") {
  torch::NoGradGuard no_grad;
  const Weights base = family_weights("llama");
  LoraAdapter turned = random_adapter(base, 2, 1);
  for (const auto& [name, tensor] : turned.named()) {
    const bool is_A = name.find("lora_A") != std::string::npos;  // rows swapped; B's columns, too
    tensor.copy_(tensor.flip({is_A ? 0 : 1}).clone());
    tensor.mul_(is_A ? 4 : 0.5);
  }
  LoraConfig config;
  config.rank = 2;
  config.targets.names = {"q_proj", "v_proj"};
  const std::vector<LoraAdapter> bank = {random_adapter(base, 2, 1), turned,
                                         LoraAdapter::create(config, base, 5, "test")};
  const std::span<const std::string> names(kNames.data(), 3);
  const AdapterSimilarity updates = adapter_similarity(bank, names, {true, true});
  CHECK(updates.cosine[1] == Approx(1).epsilon(1e-12));
  CHECK(updates.cosine[2] == 0);
  CHECK(adapter_similarity(bank, names, {true, false}).cosine[1] < 0.9);
}

TEST_CASE("adapters that do not belong together are named") {
  const Weights llama = family_weights("llama"), qwen = family_weights("qwen2");
  const auto message = [](const std::vector<LoraAdapter>& bank) {
    return input_error(
        [&] { adapter_similarity(bank, std::span(kNames.data(), bank.size()), {}); });
  };
  CHECK_THAT(message({random_adapter(llama, 2, 1), random_adapter(qwen, 2, 2)}),
             ContainsSubstring("adapter b: ") && ContainsSubstring("the same base model"));
}

TEST_CASE("a module that one of two adapters lacks is unlike, one that both lack does not count") {
  const Weights base = family_weights("llama");
  const auto with = [&](std::uint64_t seed, const std::vector<std::string>& targets) {
    return random_adapter(base, 2, seed, targets);
  };
  // a and b share q_proj of each layer, c shares nothing with a, and d is a once more
  const std::vector<LoraAdapter> bank = {with(1, {"q_proj"}), with(2, {"q_proj", "v_proj"}),
                                         with(3, {"o_proj"}), with(1, {"q_proj"})};
  const AdapterSimilarity found = adapter_similarity(bank, kNames, {});
  CHECK(found.products);
  const auto updates = [](const LoraAdapter& adapter) {
    std::map<std::string, Tensor> list;
    for (const LoraSlot& slot : adapter.slots()) {
      for (const LoraPart& part : slot.parts)
        list[part.module] = part.B.to(torch::kFloat64).mm(
            slot.A.narrow(0, part.rank_first, part.rank).to(torch::kFloat64));
    }
    return list;
  };
  double shared = 0;
  const auto of_a = updates(bank[0]), of_b = updates(bank[1]);
  for (const auto& [module, update] : of_a) shared += std::abs(cosine(update, of_b.at(module)));
  CHECK(of_b.size() == 2 * of_a.size());
  CHECK(found.cosine[0 * 4 + 1] == Approx(shared / static_cast<double>(of_b.size())).epsilon(1e-9));
  CHECK(found.cosine[0 * 4 + 2] == 0);
  CHECK(found.cosine[0 * 4 + 3] == Approx(1).epsilon(1e-12));
  for (std::size_t i = 0; i < 4; ++i) CHECK(found.cosine[5 * i] == Approx(1).epsilon(1e-12));
}

TEST_CASE("similarity can be interrupted") {
  const Weights base = family_weights("llama");
  const std::vector<LoraAdapter> bank = {random_adapter(base, 2, 1), random_adapter(base, 2, 2)};
  double last = 0;
  const auto watch = [&](double fraction) { last = fraction; };
  adapter_similarity(bank, std::span(kNames.data(), 2), {}, watch);
  CHECK(last == 1);
  const auto stop = [](double) { throw std::runtime_error("stop"); };
  CHECK_THROWS_WITH(adapter_similarity(bank, std::span(kNames.data(), 2), {}, stop), "stop");
}
