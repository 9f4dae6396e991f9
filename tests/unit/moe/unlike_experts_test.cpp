// Mixtures of experts that differ in ranks, scales and modules, against sums over the adapters
// themselves: what an expert lacks adds nothing.
#include <cmath>
#include <map>

#include "catch.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using torch::Tensor;

namespace {

/// Ranks 2, 5 and 3, scales 2, 0.5 and 5 / sqrt(3). The first lacks v_proj, the second down_proj,
/// the last has v_proj alone.
std::vector<MoeExpert> unlike_experts(const Weights& base) {
  const std::vector<std::vector<std::string>> targets = {
      {"q_proj", "down_proj"}, {"q_proj", "v_proj"}, {"v_proj"}};
  const std::int64_t ranks[] = {2, 5, 3};
  const double alphas[] = {4, 2.5, 5};
  std::vector<MoeExpert> experts;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    LoraConfig config{.rank = ranks[i], .alpha = alphas[i], .rslora = i == 2};
    config.targets.names = targets[i];
    torch::manual_seed(i + 11);
    MoeExpert expert{fmt::format("unlike {}", i), LoraAdapter::create(config, base, 1, "test")};
    for (const auto& [name, tensor] : expert.adapter.named()) tensor.normal_(0, 0.3);
    for (const LoraSlot& slot : expert.adapter.slots()) {
      for (const LoraPart& part : slot.parts)
        expert.gates[part.module] = torch::randn({slot.A.size(1)}) + 0.5;
    }
    experts.push_back(std::move(expert));
  }
  return experts;
}

struct OwnUpdate {
  Tensor A, B;
  double scale = 0;
};

/// Of one expert, in float64; nothing: it lacks the module.
std::optional<OwnUpdate> update_of(const MoeExpert& expert, const std::string& module) {
  for (const LoraSlot& slot : expert.adapter.slots()) {
    for (const LoraPart& part : slot.parts) {
      if (part.module == module)
        return OwnUpdate{slot.A.narrow(0, part.rank_first, part.rank).to(torch::kFloat64).cpu(),
                         part.B.to(torch::kFloat64).cpu(), part.scale};
    }
  }
  return std::nullopt;
}

/// What the mixture adds to one row of a module's output: of the k best by `scores` the softmax.
Tensor chosen_sum(const std::vector<MoeExpert>& experts, const std::string& module, const Tensor& x,
                  const Tensor& scores, std::int64_t top_k, std::int64_t rows) {
  const auto [best, which] = scores.topk(top_k);
  const Tensor p = best.softmax(0);
  Tensor sum = torch::zeros({rows}, torch::kFloat64);
  for (std::int64_t k = 0; k < top_k; ++k) {
    const auto update =
        update_of(experts[static_cast<std::size_t>(which[k].item<std::int64_t>())], module);
    if (update) sum = sum + p[k] * update->scale * update->B.mv(update->A.mv(x));
  }
  return sum;
}

/// Every slot's term on random rows, and the same by hand.
void check_terms(const MoeAdapter& moe, const std::vector<MoeExpert>& experts, const Weights& base) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, tensor] : moe.named()) tensors[name] = tensor.to(torch::kFloat64).cpu();
  const Weights mixed = with_experts(base, moe);
  torch::manual_seed(5);
  for (const MoeSlot& slot : moe.slots()) {
    const Tensor x = torch::randn({4, slot.A.size(1)});
    std::int64_t width = 0;
    for (const MoePart& part : slot.parts) width = std::max(width, part.first + part.rows);
    const Tensor y = torch::zeros({4, width + 3});
    const Tensor found =
        mixed.adapter->apply(slot.layer, slot.linear, placed(x), placed(y)).cpu();
    for (const MoePart& part : slot.parts) {
      INFO(part.module);
      const Tensor R = tensors.at(part.module + ".router.weight");
      for (std::int64_t n = 0; n < 4; ++n) {
        const Tensor row = x[n].to(torch::kFloat64);
        const Tensor centred = (row - row.mean()) / row.std(/*unbiased=*/false);
        const Tensor scores = moe.routing() == Routing::arrow   ? R.mv(row).abs()
                              : moe.routing() == Routing::gates ? R.mv(centred)
                                                                : R.mv(row);
        const Tensor expected =
            chosen_sum(experts, part.module, row, scores, moe.top_k(), part.rows);
        CHECK((found[n].narrow(0, part.first, part.rows) - expected).abs().max().item<double>() <
              1e-4 * (1 + expected.abs().max().item<double>()));
      }
    }
  }
}

}  // namespace

TEST_CASE("unlike experts: what one lacks adds nothing, whoever routes") {
  const Weights base = family_weights("llama");
  const std::vector<MoeExpert> experts = unlike_experts(base);
  for (const Routing routing : {Routing::learned, Routing::arrow, Routing::gates}) {
    for (const std::int64_t top_k : {1, 2, 3}) {
      INFO(static_cast<int>(routing) << " " << top_k);
      const MoeAdapter moe = MoeAdapter::create(
          experts, base, {.routing = routing, .top_k = top_k, .seed = 3});
      CHECK(moe.modules().size() == 3 * static_cast<std::size_t>(base.config.layers));
      check_terms(moe, experts, base);
      // a smaller expert is smaller: as many tensors and elements as the adapters have, and routers
      std::int64_t own = 0, mixed = 0;
      for (const MoeExpert& expert : experts) {
        for (const auto& [name, tensor] : expert.adapter.named()) own += tensor.numel();
      }
      for (const auto& [name, tensor] : moe.named()) {
        if (!name.ends_with("router.weight")) mixed += tensor.numel();
      }
      CHECK(mixed == own);
    }
  }
}

TEST_CASE("unlike experts: a mixture is what it was after save and load, and learns") {
  const TemporaryFolder folder;
  const Weights base = family_weights("llama");
  const std::vector<MoeExpert> experts = unlike_experts(base);
  const std::vector<TokenId> tokens = {3, 17, 5, 29, 11};
  for (const Routing routing : {Routing::learned, Routing::merged}) {
    const MoeAdapter moe =
        MoeAdapter::create(experts, base, {.routing = routing, .top_k = 3, .seed = 3});
    moe.save(folder / "moe");
    const MoeAdapter back = MoeAdapter::load(folder / "moe", base);
    CHECK(back.json() == moe.json());
    const NamedTensors one = moe.named(), other = back.named();
    REQUIRE(one.size() == other.size());
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(torch::equal(one[i].second, other[i].second));

    TrainSettings settings;
    settings.learning_rate = 1e-2;
    settings.epochs = 10;
    settings.dropout = 0;
    settings.batch_size = 1;
    Trainer trainer(moe_trainee(base, moe), {{{3, 17, 5}, {29, 11}}}, settings);
    const double first = trainer.step().sum;
    double last = first;
    while (!trainer.is_done()) last = trainer.step().sum;
    CHECK(last < first);
    MoeAdapter learnt = moe.clone(torch::kFloat32);
    learnt.assign(trainer.master());
    CHECK(learnt.json() == moe.json());
  }
}

TEST_CASE("unlike experts that are merged are filled up with zeros, and have one scale") {
  const Weights base = family_weights("llama");
  const std::vector<MoeExpert> experts = unlike_experts(base);
  const MoeAdapter moe =
      MoeAdapter::create(experts, base, {.routing = Routing::merged, .top_k = 3, .seed = 3});
  const std::vector<TokenId> prompt = {3, 17, 5, 29};
  Tensor weights_MX;
  const Weights model = merged_for(base, moe, prompt, &weights_MX);
  std::size_t m = 0;
  torch::manual_seed(6);
  for (const MoeSlot& slot : moe.slots()) {
    const Tensor x = torch::randn({2, slot.A.size(1)});
    std::int64_t width = 0;
    for (const MoePart& part : slot.parts) width = std::max(width, part.first + part.rows);
    const Tensor y = torch::zeros({2, width});
    const Tensor found = model.adapter->apply(slot.layer, slot.linear, placed(x), placed(y)).cpu();
    for (const MoePart& part : slot.parts) {
      INFO(part.module);
      const Tensor p = weights_MX[static_cast<std::int64_t>(m++)].cpu().to(torch::kFloat64);
      const std::int64_t rank = 5;
      Tensor A = torch::zeros({rank, slot.A.size(1)}, torch::kFloat64),
             B = torch::zeros({part.rows, rank}, torch::kFloat64);
      double scale = 0;  // of the first expert that has the module
      for (std::size_t i = 0; i < experts.size(); ++i) {
        const auto update = update_of(experts[i], part.module);
        if (!update) continue;
        if (scale == 0) scale = update->scale;
        const std::int64_t r = update->A.size(0);
        const double weight = p[static_cast<std::int64_t>(i)].item<double>();
        A.narrow(0, 0, r).add_(update->A, weight);
        B.narrow(1, 0, r).add_(update->B, weight * update->scale / scale);
      }
      for (std::int64_t n = 0; n < 2; ++n) {
        const Tensor expected = scale * B.mv(A.mv(x[n].to(torch::kFloat64)));
        CHECK((found[n].narrow(0, part.first, part.rows) - expected).abs().max().item<double>() <
              1e-4 * (1 + expected.abs().max().item<double>()));
      }
    }
  }
}

TEST_CASE("unlike experts: of places for the largest, a mixture takes what it has") {
  const Weights base = family_weights("llama");
  const std::vector<MoeExpert> experts = unlike_experts(base);
  const MoeAdapter moe = MoeAdapter::create(experts, base, {.top_k = 2, .seed = 3});
  // room for experts of rank 5 in each module, and a module that none of them has
  LoraConfig largest{.rank = 5, .alpha = 5};
  largest.targets.names = {"q_proj", "v_proj", "down_proj", "o_proj"};
  const auto shapes = mixture_shapes(adapter_shapes(largest, base.config, "test"), 3);
  std::map<std::string, Tensor> own;
  for (const auto& [name, tensor] : moe.named()) own[name] = tensor;
  NamedTensors stored;
  std::size_t taken = 0;
  for (const auto& [name, shape] : shapes) {
    const Tensor place = torch::zeros(shape);
    if (const auto found = own.find(name); found != own.end()) {
      ++taken;
      place.narrow(0, 0, found->second.size(0))
          .narrow(1, 0, found->second.size(1))
          .copy_(found->second);
    }
    stored.emplace_back(name, place);
  }
  CHECK(taken == own.size());
  const NamedTensors back = mixture_tensors(moe.json(), stored, "test");
  REQUIRE(back.size() == own.size());
  for (const auto& [name, tensor] : back) {
    INFO(name);
    CHECK(torch::equal(tensor, own.at(name).cpu()));
  }
  const MoeAdapter again = MoeAdapter::of(moe.json(), back, base, "a", "b");
  CHECK(again.json() == moe.json());
  stored.erase(stored.begin());
  CHECK_THAT(input_error([&] { mixture_tensors(moe.json(), stored, "of a run"); }),
             Catch::Matchers::ContainsSubstring("of a run: the tensor"));
}
