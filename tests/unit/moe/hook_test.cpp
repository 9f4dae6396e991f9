// The experts' term by hand for Arrow, and that no call in it makes a GPU wait or adds in no fixed
// order.
#include <ATen/record_function.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "catch.hpp"
#include "factsweep/moe/moe.hpp"
#include "made_up_family.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using torch::Tensor;

namespace {

/// Four adapters of unequal ranks and scales, all values random.
std::vector<MoeExpert> random_experts(const Weights& base) {
  std::vector<MoeExpert> experts;
  for (const std::int64_t rank : {2, 4, 3, 1}) {
    LoraConfig config;
    config.rank = rank;
    config.alpha = static_cast<double>(rank * rank);
    config.targets.names = {"q_proj", "v_proj", "down_proj"};
    const auto adapter = LoraAdapter::create(config, base, static_cast<std::uint64_t>(rank), "x");
    torch::manual_seed(static_cast<std::uint64_t>(rank));
    for (const auto& [name, tensor] : adapter.named()) tensor.normal_(0, 0.2);
    experts.push_back({std::to_string(rank), adapter});
  }
  return experts;
}

struct Factors {
  Tensor A, B, direction;
  double scale = 1;
};

/// Row by row and expert by expert: the scores are |x V^T|, V the leading right singular vectors of
/// the updates B A; the k best experts are weighed by the softmax of their scores.
class ArrowByHand : public LinearHook {
 public:
  ArrowByHand(std::span<const MoeExpert> experts, std::int64_t top_k)
      : top_k_(static_cast<std::size_t>(top_k)) {
    for (const MoeExpert& expert : experts) {
      for (const LoraSlot& slot : expert.adapter.slots()) {
        for (const LoraPart& part : slot.parts) {
          const Tensor A = slot.A.narrow(0, part.rank_first, part.rank);
          const Tensor V = std::get<2>(at::linalg_svd(part.B.mm(A), false));
          Module& module = modules_[part.module];
          module.layer = slot.layer;
          module.linear = slot.linear;
          module.first = part.first;
          module.experts.push_back({A, part.B, V[0], part.scale});
        }
      }
    }
  }

  Tensor apply(std::int64_t layer, LinearId linear, const Tensor& x,
               const Tensor& y) const override {
    Tensor result = y.clone();
    for (const auto& [name, module] : modules_) {
      if (module.layer != layer || module.linear != linear) continue;
      for (std::int64_t row = 0; row < x.size(0); ++row)
        result[row]
            .narrow(0, module.first, module.experts.front().B.size(0))
            .add_(term(module, x[row]));
    }
    return result;
  }

 private:
  struct Module {
    std::int64_t layer = 0, first = 0;
    LinearId linear = 0;
    std::vector<Factors> experts;
  };

  Tensor term(const Module& module, const Tensor& x) const {
    std::vector<double> scores;
    for (const Factors& expert : module.experts)
      scores.push_back(std::abs(expert.direction.dot(x).item<double>()));
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
    order.resize(top_k_);
    double total = 0;
    for (const std::size_t i : order) total += std::exp(scores[i]);
    Tensor sum = torch::zeros(module.experts.front().B.size(0), x.options());
    for (const std::size_t i : order) {
      const Factors& expert = module.experts[i];
      sum += std::exp(scores[i]) / total * expert.scale * expert.B.mv(expert.A.mv(x));
    }
    return sum;
  }

  std::size_t top_k_;
  std::map<std::string, Module> modules_;
};

/// Names of all operators that torch runs while one of these lives.
class Calls {
 public:
  Calls() {
    names().clear();
    handle_ = at::addGlobalCallback(at::RecordFunctionCallback([](const at::RecordFunction& call) {
                                      const std::lock_guard lock(mutex());
                                      names().insert(call.name());
                                      return std::unique_ptr<at::ObserverContext>();
                                    }).scopes({at::RecordScope::FUNCTION}));
  }
  ~Calls() { at::removeCallback(handle_); }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;
  static std::set<std::string>& names() {
    static std::set<std::string> list;
    return list;
  }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  at::CallbackHandle handle_;
};

}  // namespace

TEST_CASE("Arrow's outputs are those of a loop over rows and experts") {
  torch::NoGradGuard no_grad;
  const Weights base = family_weights("llama");
  const Reference reference("families/llama");
  const auto experts = random_experts(base);
  const Tensor plain = logits_of(base, reference.sequences);
  for (const std::int64_t top_k : {1, 2, 4}) {
    const MoeAdapter moe =
        MoeAdapter::create(experts, base, {.routing = Routing::arrow, .top_k = top_k});
    Weights by_hand = base;
    by_hand.adapter = std::make_shared<ArrowByHand>(experts, top_k);
    const Tensor expected = logits_of(by_hand, reference.sequences);
    INFO("top " << top_k);
    CHECK(relative_distance(logits_of(with_experts(base, moe), reference.sequences), expected) <
          1e-5);
    CHECK(relative_distance(plain, expected) > 1e-2);
  }
}

TEST_CASE("a pass calls nothing that waits for a GPU or adds in no fixed order there") {
  const Weights base = family_weights("llama");
  const MoeAdapter moe =
      MoeAdapter::create(random_experts(base), base, {.top_k = 2}).clone(torch::kFloat32, true);
  const auto count = static_cast<std::int64_t>(moe.modules().size());
  const Tensor picks = placed(torch::zeros({count, moe.experts()}, torch::kInt64));
  const auto balance = std::make_shared<std::vector<Tensor>>();
  const Weights routed = with_experts(base, moe, {.picks = picks, .balance = balance});
  const Calls calls;
  for (const MoeSlot& slot : moe.slots()) {
    const MoePart& last = slot.parts.back();
    const Tensor x = placed(torch::rand({7, slot.A.size(1)})).requires_grad_(true);
    const Tensor y = x.mm(placed(torch::rand({slot.A.size(1), last.first + last.rows})));
    routed.adapter->apply(slot.layer, slot.linear, x, y).sum().backward({}, true);
  }
  torch::stack(*balance).sum().backward();
  const auto& names = Calls::names();
  CHECK(names.count("aten::topk") == 1);
  CHECK(names.count("aten::mm") == 1);
  for (const char* name :
       {"aten::bincount", "aten::_local_scalar_dense", "aten::nonzero", "aten::_unique2",
        "aten::index_add", "aten::index_add_", "aten::index_put_", "aten::_index_put_impl_",
        "aten::scatter_add", "aten::scatter_add_"}) {
    INFO(name);
    CHECK(names.count(name) == 0);
  }
  CHECK(picks.sum().item<std::int64_t>() == 7 * 2 * count);
}

TEST_CASE("each rank has the gate of its expert, in every dtype") {
  const Weights base = family_weights("llama");
  const MoeAdapter moe = MoeAdapter::create(random_experts(base), base, {.top_k = 2});
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    const MoeAdapter narrow = moe.clone(dtype);
    for (const MoeSlot& slot : narrow.slots()) {
      REQUIRE(slot.spread.scalar_type() == dtype);
      const Tensor gates = placed(torch::rand({5, slot.spread.size(0)})).to(dtype);
      const Tensor weights = gates.mm(slot.spread);
      std::int64_t rank = 0, gate = 0;
      for (const MoePart& part : slot.parts) {
        for (const std::int64_t ranks : part.ranks) {
          for (const std::int64_t end = rank + ranks; rank < end; ++rank)
            CHECK(torch::equal(weights.select(1, rank), gates.select(1, gate)));
          ++gate;
        }
      }
      CHECK(rank == slot.spread.size(1));
    }
  }
}

TEST_CASE("experts follow the family's list of linears") {
  torch::NoGradGuard no_grad;
  const Weights base = made_up_model();
  LoraConfig config;
  config.targets.names = {"gate", "q", "router"};
  std::vector<MoeExpert> experts;
  for (const std::uint64_t seed : {1U, 2U}) {
    const LoraAdapter adapter = LoraAdapter::create(config, base, seed, "test");
    for (const auto& [name, tensor] : adapter.parameters()) tensor.normal_();
    experts.push_back({"expert", adapter});
  }
  const MoeAdapter moe = MoeAdapter::create(experts, base, {.top_k = 2});
  REQUIRE(moe.slots().size() == 5);
  CHECK(moe.slots().back().linear == five::router);
  CHECK(moe.parameters().back().first == "body.blocks.1.mlp.router.B");
  const Weights routed = with_experts(base, moe);
  const Tensor x = torch::randn({4, 16}), y = torch::randn({4, 24});
  CHECK(routed.adapter->apply(0, five::up, x, y).is_same(y));
  CHECK_FALSE(torch::equal(routed.adapter->apply(0, five::gate, x, y.clone()), y));
}
