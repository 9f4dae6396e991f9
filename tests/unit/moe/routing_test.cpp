// Gates (PHATGOOSE) and merged experts (SMEAR): outputs and gradients by hand, in float64. On a
// device tests/system/device.sh has them, so what is computed by hand stays on the CPU.
#include <cmath>
#include <map>

#include "catch.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;
using torch::Tensor;

namespace {

/// Adapters of rank 3 and scale 2, with gates, all values random.
std::vector<MoeExpert> alike_experts(const Weights& base, int count) {
  std::vector<MoeExpert> experts;
  for (int i = 0; i < count; ++i) {
    LoraConfig config;
    config.rank = 3;
    config.alpha = 6;
    config.targets.names = {"q_proj", "v_proj", "down_proj"};
    torch::manual_seed(static_cast<std::uint64_t>(i) + 1);
    MoeExpert expert{fmt::format("{}", i), LoraAdapter::create(config, base, 1, "test")};
    for (const auto& [name, tensor] : expert.adapter.named()) tensor.normal_(0, 0.2);
    for (const LoraSlot& slot : expert.adapter.slots()) {
      for (const LoraPart& part : slot.parts)
        expert.gates[part.module] = torch::randn({slot.A.size(1)}) * 3 + 1;
    }
    experts.push_back(std::move(expert));
  }
  return experts;
}

using ByName = std::map<std::string, Tensor>;

/// As leaves in float64, under the names of moe.safetensors.
ByName leaves_of(const MoeAdapter& moe) {
  ByName leaves;
  for (const auto& [name, tensor] : moe.named())
    leaves[name] = tensor.to(torch::kFloat64).clone().requires_grad_(true);
  return leaves;
}

/// Of a pass of two texts, of 4 and 3 rows; the answers' begin after 3 and 2 of them.
std::shared_ptr<const DropoutMasks> two_texts() {
  return std::make_shared<DropoutMasks>(std::vector<DropoutMasks::Text>{{1, 4}, {2, 3}},
                                        std::vector<std::int64_t>{2, 3, 5, 6}, torch::kCPU);
}

/// Each row's prompt in that pass, [first, end), of all rows and of the wanted ones.
using Prompts = std::vector<std::pair<std::int64_t, std::int64_t>>;
const Prompts kPacked = {{0, 3}, {0, 3}, {0, 3}, {0, 3}, {4, 6}, {4, 6}, {4, 6}};
const Prompts kWanted = {{0, 1}, {0, 1}, {2, 3}, {2, 3}};

class ByHand {
 public:
  ByHand(const MoeAdapter& moe, ByName& leaves, const Prompts& prompts)
      : moe_(moe), leaves_(leaves), prompts_(prompts) {}

  /// What a module adds to each row of its output.
  Tensor term(const MoePart& part, const Tensor& x) const {
    std::vector<Tensor> rows;
    for (std::int64_t n = 0; n < x.size(0); ++n) rows.push_back(row(part, x, n));
    return torch::stack(rows) * part.scales.front();
  }

 private:
  Tensor row(const MoePart& part, const Tensor& x, std::int64_t n) const {
    const Tensor R = leaves_.at(part.module + ".router.weight");
    if (moe_.routing() == Routing::gate)
      return B(part, 0).mv(A(part, 0).mv(x[n])) / (1 + torch::exp(-R[0].dot(x[n])));
    if (moe_.routing() == Routing::merged) {
      const auto [first, end] = prompts_[static_cast<std::size_t>(n)];
      const Tensor p = shares(R.mv(x.slice(0, first, end).mean(0)), {0, 1, 2});
      Tensor merged_A = torch::zeros_like(A(part, 0)), merged_B = torch::zeros_like(B(part, 0));
      for (int i = 0; i < 3; ++i) {
        merged_A = merged_A + p[i] * A(part, i);
        merged_B = merged_B + p[i] * B(part, i);
      }
      return merged_B.mv(merged_A.mv(x[n]));
    }
    const Tensor standard = (x[n] - x[n].mean()) / x[n].std(/*unbiased=*/false);
    const Tensor scores = R.mv(standard);
    const std::int64_t worst = scores.argmin().item<std::int64_t>();
    std::vector<std::int64_t> best;
    for (std::int64_t i = 0; i < 3; ++i) {
      if (i != worst) best.push_back(i);
    }
    const Tensor p = shares(scores, best);
    Tensor sum = torch::zeros_like(B(part, 0).select(1, 0));
    for (std::size_t i = 0; i < best.size(); ++i)
      sum = sum +
            p[static_cast<std::int64_t>(i)] *
                B(part, static_cast<int>(best[i])).mv(A(part, static_cast<int>(best[i])).mv(x[n]));
    return sum;
  }

  static Tensor shares(const Tensor& scores, const std::vector<std::int64_t>& of) {
    std::vector<Tensor> powers;
    for (const std::int64_t i : of) powers.push_back(torch::exp(scores[i]));
    const Tensor list = torch::stack(powers);
    return list / list.sum();
  }

  Tensor factor(const MoePart& part, int expert, const char* name) const {
    return leaves_.at(fmt::format("{}.experts.{}.lora_{}.weight", part.module, expert, name));
  }
  Tensor A(const MoePart& part, int expert) const { return factor(part, expert, "A"); }
  Tensor B(const MoePart& part, int expert) const { return factor(part, expert, "B"); }

  const MoeAdapter& moe_;
  ByName& leaves_;
  const Prompts& prompts_;
};

/// Every slot of the adapter on random rows, some weighted sum of the outputs' elements, and its
/// gradients; against the same by hand.
void compare_with_hand(const MoeAdapter& moe, const Prompts& prompts) {
  const Weights base = family_weights("llama");
  const MoeAdapter trained = moe.clone(torch::kFloat32, true);
  const Weights routed = with_experts(base, trained, {.masks = two_texts()});
  ByName leaves = leaves_of(moe);
  const ByHand hand(moe, leaves, prompts);
  const auto rows = static_cast<std::int64_t>(prompts.size());
  for (const MoeSlot& slot : moe.slots()) {
    std::int64_t outputs = 0;
    for (const MoePart& part : slot.parts) outputs = std::max(outputs, part.first + part.rows);
    const Tensor x = torch::randn({rows, slot.A.size(1)}).requires_grad_(true);
    const Tensor x64 = x.detach().to(torch::kFloat64).requires_grad_(true);
    const Tensor y = torch::randn({rows, outputs}), weights = torch::randn({rows, outputs});
    const Tensor found = routed.adapter->apply(slot.layer, slot.linear, x, y.clone());
    Tensor expected = y.to(torch::kFloat64);
    for (const MoePart& part : slot.parts) {
      const Tensor term = hand.term(part, x64);
      expected =
          expected + torch::constant_pad_nd(term, {part.first, outputs - part.first - part.rows});
    }
    CHECK(relative_distance(found.to(torch::kFloat64), expected) < 1e-5);
    (found * weights).sum().backward();
    (expected * weights.to(torch::kFloat64)).sum().backward();
    CHECK(relative_distance(x.grad().to(torch::kFloat64), x64.grad()) < 1e-5);
  }
  std::vector<Tensor> gradients;
  for (const auto& [name, leaf] : trained.parameters()) gradients.push_back(leaf.grad());
  MoeAdapter holder = moe.clone(torch::kFloat32);
  holder.assign(gradients);
  for (const auto& [name, found] : holder.named()) {
    const bool is_router = name.ends_with("router.weight");
    if (moe.routing() == (is_router ? Routing::gates : Routing::gate)) continue;  // not trained
    INFO(name);
    CHECK(relative_distance(found.to(torch::kFloat64), leaves.at(name).grad()) < 1e-5);
  }
}

MoeAdapter routed_by(Routing routing, int count = 3) {
  const Weights base = family_weights("llama");
  return MoeAdapter::create(alike_experts(base, count), base,
                            {.routing = routing, .top_k = std::min(count, 2), .seed = 5});
}

std::vector<TokenId> some_tokens(int count, int from) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(from + 3 * i));
  return tokens;
}

Tensor wanted_states(const Weights& weights, const std::vector<TokenId>& text,
                     const std::vector<std::int64_t>& rows) {
  torch::NoGradGuard no_grad;
  const std::int64_t start = 0;
  return hidden_states(weights, PackedTokens::pack({&text, 1}, {&start, 1}, torch::kCPU),
                       {.rows_R = torch::tensor(rows)});
}

}  // namespace

TEST_CASE("gates and merged experts are those of a loop over rows and experts", "[cpu]") {
  SECTION("one expert behind its gate") {
    const MoeAdapter moe = routed_by(Routing::gate, 1);
    for (const MoeSlot& slot : moe.slots()) {
      CHECK(slot.router.abs().max().item<double>() == 0);
      slot.router.detach().normal_();
    }
    compare_with_hand(moe, kPacked);
  }
  SECTION("the k experts whose gates fit best") {
    compare_with_hand(routed_by(Routing::gates), kPacked);
  }
  SECTION("merged, a text's experts by its prompt") {
    compare_with_hand(routed_by(Routing::merged), kPacked);
    compare_with_hand(routed_by(Routing::merged), kWanted);
  }
}

TEST_CASE("by hand: the rows of standardised gates, and whom they choose", "[cpu]") {
  // a gate (1, 3, 5, 7): mean 4, deviations (-3, -1, 1, 3), their norm sqrt(20)
  const Weights base = family_weights("llama");
  auto experts = alike_experts(base, 2);
  const std::int64_t inputs = base.config.width;
  const std::string module = "model.layers.0.self_attn.q_proj";
  Tensor ramp = torch::arange(inputs, torch::kFloat32) * 2 + 1;
  experts[0].gates[module] = ramp;
  experts[1].gates[module] = torch::full({inputs}, 5.0);  // tells no inputs apart
  const MoeAdapter moe = MoeAdapter::create(experts, base, {.routing = Routing::gates, .top_k = 1});
  for (const auto& [name, router] : moe.named()) {
    if (name != module + ".router.weight") continue;
    const double n = static_cast<double>(inputs);
    const double norm = std::sqrt(n * (n * n - 1) / 3);  // of the ramp's deviations
    CHECK(router[0][0].item<double>() == Approx((1 - n) / norm));
    CHECK(router[0][inputs - 1].item<double>() == Approx((n - 1) / norm));
    CHECK(router[1].abs().max().item<double>() == 0);
  }
  const Tensor picks = torch::zeros({6, 2}, torch::kInt64);
  const Weights routed = with_experts(base, moe, {.picks = picks});
  const MoeSlot& slot = moe.slots().front();
  const auto chosen = [&](const Tensor& x) {
    picks.zero_();
    torch::NoGradGuard no_grad;
    routed.adapter->apply(slot.layer, slot.linear, x.unsqueeze(0), torch::zeros({1, 1000}));
    return picks[0].argmax().item<std::int64_t>();
  };
  CHECK(chosen(ramp) == 0);
  CHECK(chosen(ramp * 0.01 - 7) == 0);  // neither size nor mean of an input count
  CHECK(chosen(-ramp) == 1);
}

TEST_CASE("a prompt's experts are those that training merged for it", "[cpu]") {
  const Weights base = family_weights("llama");
  const MoeAdapter moe = routed_by(Routing::merged);
  const std::vector<TokenId> text = some_tokens(8, 5);
  const std::vector<TokenId> prompt(text.begin(), text.begin() + 5);
  const std::vector<std::int64_t> rows = {4, 5, 6, 7};
  const auto masks =
      std::make_shared<DropoutMasks>(std::vector<DropoutMasks::Text>{{1, 8}}, rows, torch::kCPU);
  Tensor weights, others;
  const Weights served = merged_for(base, moe, prompt, &weights);
  const Tensor expected = wanted_states(with_experts(base, moe, {.masks = masks}), text, rows);
  CHECK(relative_distance(wanted_states(served, text, rows), expected) < 1e-5);
  CHECK(relative_distance(wanted_states(base, text, rows), expected) > 1e-3);
  REQUIRE(weights.sizes() == std::vector<std::int64_t>{6, 3});
  CHECK(torch::allclose(weights.sum(1), torch::ones({6})));
  const Weights other = merged_for(base, moe, some_tokens(4, 9), &others);
  CHECK_FALSE(torch::allclose(weights, others));
  CHECK_FALSE(torch::allclose(wanted_states(other, text, rows), expected));
}

TEST_CASE("merged experts that are copies of one are that one", "[cpu]") {
  const Weights base = family_weights("llama");
  auto experts = alike_experts(base, 3);
  for (MoeExpert& expert : experts) expert.adapter = experts.front().adapter;
  const MoeAdapter moe =
      MoeAdapter::create(experts, base, {.routing = Routing::merged, .top_k = 3, .seed = 5});
  const std::vector<TokenId> text = some_tokens(8, 5);
  const Tensor expected =
      wanted_states(with_adapters(base, {&experts.front().adapter, 1}), text, {6, 7});
  CHECK(relative_distance(wanted_states(merged_for(base, moe, some_tokens(3, 5)), text, {6, 7}),
                          expected) < 1e-5);
}

TEST_CASE("of an expert behind a gate the gate alone is trained") {
  const Weights base = family_weights("llama");
  const MoeAdapter gated = routed_by(Routing::gate, 1);
  const Trainee trainee = moe_trainee(base, gated);
  CHECK(trainee.leaves.size() == gated.slots().size());
  TrainSettings settings;
  settings.learning_rate = 0.05;
  settings.batch_size = 2;
  settings.epochs = 20;
  settings.dropout = 0;
  Trainer trainer(
      trainee, {{some_tokens(4, 5), some_tokens(3, 40)}, {some_tokens(5, 7), some_tokens(3, 50)}},
      settings);
  const double first = trainer.step().sum;
  double last = first;
  while (!trainer.is_done()) last = trainer.step().sum;
  CHECK(last < first);
  MoeAdapter learnt = gated.clone(torch::kFloat32);
  learnt.assign(trainer.master());
  for (std::size_t i = 0; i < learnt.slots().size(); ++i) {
    CHECK(torch::equal(learnt.slots()[i].A, gated.slots()[i].A));
    CHECK(learnt.slots()[i].router.abs().max().item<double>() > 0);
  }
}

TEST_CASE("every routing is what it was after save and load; what cannot be served is refused") {
  const TemporaryFolder folder;
  const Weights base = family_weights("llama");
  for (const Routing routing : {Routing::gates, Routing::merged}) {
    const MoeAdapter moe = routed_by(routing);
    moe.save(folder / "moe");
    const MoeAdapter back = MoeAdapter::load(folder / "moe", base);
    CHECK(back.routing() == routing);
    CHECK(back.json() == moe.json());
    std::string json = moe.json();
    const std::string name = routing == Routing::gates ? "gates" : "merged";
    json.replace(json.find(name), name.size(), "other");
    CHECK_THAT(input_error([&] { MoeAdapter::of(json, {}, base, "moe.json", "x"); }),
               ContainsSubstring("'routing' is \"other\"") &&
                   ContainsSubstring("learned, arrow, gate, gates, merged"));
  }
  const MoeAdapter merged = routed_by(Routing::merged);
  CHECK_THAT(input_error([&] { with_experts(base, merged); }), ContainsSubstring("merged anew"));
  std::string json = merged.json();
  const std::size_t rank = json.find("3,", json.find("ranks"));
  json.replace(rank, 1, "2");
  CHECK_THAT(input_error([&] { MoeAdapter::of(json, {}, base, "moe.json", "x"); }),
             ContainsSubstring("several ranks or scales, which cannot be merged"));
}
