// The parts of a course, each alone: order, schedule, AdamW, and what a checkpoint holds.
#include <torch/optim/adamw.h>

#include <algorithm>
#include <limits>
#include <set>

#include "catch.hpp"
#include "factsweep/train/adamw.hpp"
#include "factsweep/train/batch_order.hpp"
#include "factsweep/train/differences.hpp"
#include "factsweep/train/objectives.hpp"
#include "factsweep/train/schedule.hpp"
#include "factsweep/train/trainer.hpp"
#include "factsweep/train/training_state.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

void take_step(AdamW& adamw, double learning_rate) {
  const torch::Tensor norm = adamw.gradient_norm();
  adamw.update(learning_rate, norm.defined() ? norm.item<double>() : 0);
}

}  // namespace

TEST_CASE("every epoch sees every example once, in an order of its own") {
  std::vector<std::int64_t> tokens;
  for (std::int64_t i = 0; i < 23; ++i) tokens.push_back(3 + (7 * i) % 11);
  TrainSettings settings;
  settings.batch_size = 5;
  settings.microbatch_tokens = 20;
  settings.seed = 4;
  const BatchOrder order(tokens, settings);
  REQUIRE(order.steps_per_epoch() == 5);
  std::vector<std::vector<std::int64_t>> epochs;
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<std::int64_t> seen;
    for (std::int64_t step = 5 * epoch; step < 5 * epoch + 5; ++step) {
      std::vector<std::int64_t> batch;
      for (const auto& group : order.passes(order.batch(step))) {
        std::int64_t sum = 0;
        for (const std::int64_t member : group) sum += tokens[static_cast<std::size_t>(member)];
        CHECK((sum <= 20 || group.size() == 1));
        batch.insert(batch.end(), group.begin(), group.end());
      }
      CHECK(batch.size() == (step % 5 == 4 ? 3U : 5U));
      CHECK(std::is_sorted(batch.begin(), batch.end(), [&](std::int64_t a, std::int64_t b) {
        return tokens[static_cast<std::size_t>(a)] < tokens[static_cast<std::size_t>(b)];
      }));
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    epochs.push_back(seen);
    std::sort(seen.begin(), seen.end());
    for (std::int64_t i = 0; i < 23; ++i) CHECK(seen.at(static_cast<std::size_t>(i)) == i);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
  CHECK(BatchOrder(tokens, settings).batch(7) == order.batch(7));
  settings.seed = 5;
  const BatchOrder other(tokens, settings);
  CHECK(other.batch(7) != order.batch(7));
  settings.microbatch_tokens = 1;
  const BatchOrder single(tokens, settings);
  CHECK(single.batch(7) == other.batch(7));
  for (const auto& group : single.passes(single.batch(0))) CHECK(group.size() == 1);
}

TEST_CASE("some examples may be trained apart, in each epoch before or after the others") {
  TrainSettings settings;
  settings.batch_size = 5;
  settings.seed = 4;
  const BatchOrder without(std::vector<std::int64_t>(9, 3), settings);
  settings.apart = 6;
  const std::vector<std::int64_t> tokens(15, 3);
  const BatchOrder after(tokens, settings);
  settings.apart_first = true;
  const BatchOrder before(tokens, settings);
  REQUIRE(after.steps_per_epoch() == 3);
  using Order = std::vector<std::int64_t>;
  const auto epoch = [](const BatchOrder& order, std::int64_t number) {
    Order seen;
    for (std::int64_t step = 0; step < order.steps_per_epoch(); ++step) {
      const Order batch = order.batch(number * order.steps_per_epoch() + step);
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    return seen;
  };
  std::set<Order> orders;
  for (std::int64_t number = 0; number < 3; ++number) {
    const Order others = epoch(without, number), late = epoch(after, number),
                early = epoch(before, number);
    REQUIRE(late.size() == 15);
    REQUIRE(early.size() == 15);
    // the others in the order that they have alone
    CHECK(Order(late.begin(), late.begin() + 9) == others);
    CHECK(Order(early.begin() + 6, early.end()) == others);
    Order apart(late.begin() + 9, late.end());
    CHECK(Order(early.begin(), early.begin() + 6) == apart);
    orders.insert(apart);
    std::sort(apart.begin(), apart.end());
    CHECK(apart == Order{9, 10, 11, 12, 13, 14});
  }
  CHECK(orders.size() == 3);
  // the batch at the border has both
  const Order border = after.batch(1);
  CHECK(std::count_if(border.begin(), border.end(), [](std::int64_t i) { return i >= 9; }) == 1);
}

TEST_CASE("the learning rate warms up, stays, or falls along a line or half a cosine") {
  TrainSettings settings;
  settings.learning_rate = 8;
  CHECK(Schedule(settings, 10).rate(0) == 8);
  CHECK(Schedule(settings, 10).rate(9) == 8);
  settings.warmup_steps = 4;
  const Schedule constant(settings, 12);
  for (std::int64_t step = 0; step < 4; ++step)
    CHECK(constant.rate(step) == 2 * static_cast<double>(step + 1));
  CHECK(constant.rate(4) == 8);
  settings.final_learning_rate = 2;
  settings.decay = Decay::linear;
  const Schedule linear(settings, 12);
  CHECK(linear.rate(3) == 8);
  for (std::int64_t step = 4; step < 12; ++step)
    CHECK(linear.rate(step) == Approx(2 + 6 * static_cast<double>(12 - step) / 8));
  settings.decay = Decay::cosine;
  const Schedule cosine(settings, 12);
  CHECK(cosine.rate(1) == 4);
  CHECK(cosine.rate(4) == Approx(8));
  CHECK(cosine.rate(6) == Approx(2 + 3 * (1 + std::sqrt(0.5))));
  CHECK(cosine.rate(8) == Approx(5));
  CHECK(cosine.rate(12) == Approx(2));
  // a training that ends with its warm-up
  CHECK(Schedule(settings, 4).rate(3) == 8);
}

TEST_CASE("AdamW is torch's, with weight decay, clipping and changing rates") {
  torch::manual_seed(1);
  TrainSettings settings;
  settings.beta1 = 0.8;
  settings.beta2 = 0.95;
  settings.weight_decay = 0.1;
  settings.gradient_clip = 0.7;
  const std::vector<torch::Tensor> start = {torch::randn({3, 5}), torch::randn({7})};
  NamedTensors leaves;
  std::vector<torch::Tensor> expected;
  for (const torch::Tensor& tensor : start) {
    leaves.emplace_back(std::to_string(leaves.size()), tensor.clone().requires_grad_(true));
    expected.push_back(tensor.clone().requires_grad_(true));
  }
  AdamW adamw(leaves, {}, settings);
  torch::optim::AdamW reference(
      expected,
      torch::optim::AdamWOptions(0).betas({0.8, 0.95}).eps(settings.epsilon).weight_decay(0.1));
  for (int step = 0; step < 12; ++step) {
    // gradients of norms on both sides of the bound
    double square = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const torch::Tensor gradient = torch::randn(start[i].sizes()) * (0.02 * step + 0.05);
      leaves[i].second.mutable_grad() = gradient.clone();
      expected[i].mutable_grad() = gradient.clone();
      square += gradient.square().sum().item<double>();
    }
    const double shrink = std::min(1.0, 0.7 / std::sqrt(square));
    for (torch::Tensor& tensor : expected) tensor.mutable_grad().mul_(shrink);
    const double rate = 0.01 * (step + 1);
    static_cast<torch::optim::AdamWOptions&>(reference.param_groups()[0].options()).lr(rate);
    reference.step();
    CHECK(adamw.gradient_norm().item<double>() == Approx(std::sqrt(square)));
    take_step(adamw, rate);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO("step " << step << ", tensor " << i);
      CHECK(relative_distance(adamw.master()[i], expected[i].detach()) < 1e-6);
      CHECK(torch::equal(leaves[i].second, adamw.master()[i]));
      CHECK_FALSE(leaves[i].second.grad().defined());
    }
  }
  // its state in another one: the next step is the same
  NamedTensors copies;
  for (const torch::Tensor& tensor : start)
    copies.emplace_back(std::to_string(copies.size()), tensor.clone().requires_grad_(true));
  AdamW other(copies, {}, settings);
  other.restore(adamw.state(), 12);
  for (std::size_t i = 0; i < start.size(); ++i) {
    CHECK(torch::equal(copies[i].second, leaves[i].second));
    leaves[i].second.mutable_grad() = torch::ones_like(start[i]);
    copies[i].second.mutable_grad() = torch::ones_like(start[i]);
  }
  take_step(adamw, 0.1);
  take_step(other, 0.1);
  for (std::size_t i = 0; i < start.size(); ++i)
    CHECK(torch::equal(copies[i].second, leaves[i].second));
}

TEST_CASE("gradients of many passes are added up in float32") {
  TrainSettings settings;  // a step moves a master by the gradient
  settings.beta1 = settings.beta2 = 0;
  settings.epsilon = 1e6;
  const auto bf16 = torch::dtype(torch::kBFloat16).requires_grad(true);
  const NamedTensors leaves = {{"narrow", torch::zeros({3}, bf16)},
                               {"wide", torch::zeros({2}, torch::requires_grad())}};
  AdamW adamw(leaves, {}, settings);
  // one, and a hundred of 0.001: a sum in bfloat16 stays at one
  for (int pass = 0; pass <= 100; ++pass) {
    const torch::Tensor gradient = torch::full({}, pass == 0 ? 1 : 0.001);
    (leaves[0].second.sum() * gradient).backward();
    (leaves[1].second.sum() * gradient).backward();
    adamw.collect();
    CHECK_FALSE(leaves[0].second.grad().defined());
  }
  take_step(adamw, 1e6);
  const double small = torch::full({}, 0.001).to(torch::kBFloat16).item<double>();
  CHECK(-adamw.master()[0][1].item<double>() == Approx(1 + 100 * small).epsilon(1e-5));
  CHECK(-adamw.master()[1][1].item<double>() == Approx(1.1).epsilon(1e-5));
  // what is collected counts for the clipping, and is gone with the step, or when it is forgotten
  settings.gradient_clip = 0.5;
  AdamW clipped({leaves[0]}, {}, settings);
  const double before = clipped.master()[0][0].item<double>();
  for (int pass = 0; pass < 3; ++pass) {
    leaves[0].second.sum().backward();
    clipped.collect();
  }
  take_step(clipped, 1e6);
  const double after = clipped.master()[0][0].item<double>();
  CHECK(before - after == Approx(0.5 / std::sqrt(3)).epsilon(1e-4));
  leaves[0].second.sum().backward();
  clipped.collect();
  clipped.forget_gradients();
  leaves[0].second.mutable_grad() = torch::zeros({3}, torch::kBFloat16);
  take_step(clipped, 1e6);
  CHECK(clipped.master()[0][0].item<double>() == Approx(after));
}

TEST_CASE("what decides a run is all in its key") {
  const Weights base = family_weights("llama");
  const std::vector<Example> examples = {{{1, 2}, {3}}, {{4}, {5, 6}}};
  const auto key = [&](const TrainSettings& settings, const Objective& objective,
                       const std::vector<Example>& list, const std::string& what) {
    return run_key(settings, objective, list, what);
  };
  std::vector<std::string> keys = {key({}, *answer_loss(), examples, ""),
                                   key({}, *answer_loss(), examples, "LoRA"),
                                   key({.loss = LossMean::example}, *answer_loss(), examples, ""),
                                   key({.microbatch_examples = 2}, *answer_loss(), examples, ""),
                                   key({.learning_rate = 1}, *answer_loss(), examples, ""),
                                   key({.decay = Decay::linear}, *answer_loss(), examples, ""),
                                   key({.epochs = 3}, *answer_loss(), examples, ""),
                                   key({.dropout = 0}, *answer_loss(), examples, ""),
                                   key({.seed = 1}, *answer_loss(), examples, ""),
                                   key({.apart = 1}, *answer_loss(), examples, ""),
                                   key({.apart = 1, .apart_first = true}, *answer_loss(), examples,
                                       ""),
                                   key({}, Ascent(), examples, ""),
                                   key({}, WeightedAnswers(), examples, ""),
                                   key({}, Preference(base, 0.1), examples, ""),
                                   key({}, Preference(base, 0.2), examples, ""),
                                   key({}, NearBase(base, 0.1), examples, ""),
                                   key({}, NearBase(base, 0.2), examples, "")};
  for (int change = 0; change < 4; ++change) {
    std::vector<Example> other = examples;
    if (change == 0) other[1].weight = 2;
    if (change == 1) other[1].rejected = {9};
    if (change == 2) other[0].answer = {4};
    if (change == 3) std::swap(other[0], other[1]);
    keys.push_back(key({}, *answer_loss(), other, ""));
  }
  CHECK(key({}, *answer_loss(), examples, "") == keys.front());
  std::sort(keys.begin(), keys.end());
  CHECK(std::adjacent_find(keys.begin(), keys.end()) == keys.end());
}

TEST_CASE("a state is read as it was written, and only by its own run") {
  const TemporaryFolder folder;
  TrainingState state{"run", {{"a", torch::arange(3.0F)}}, 7, 9, "too hot"};
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
  state.store("first ", tensors, metadata);
  state.step = 8;
  state.store("second ", tensors, metadata);
  write_safetensors(folder / "c.safetensors", tensors, metadata);
  const SafetensorsReader reader(folder / "c.safetensors");
  const auto first = TrainingState::read("first ", reader, state);
  CHECK(first.step == 7);
  CHECK(first.failure == "too hot");
  CHECK(torch::equal(first.tensors.at(0).second, state.tensors[0].second));
  CHECK(TrainingState::read("second ", reader, state).step == 8);
  const auto refused = [&](const std::string& prefix, const TrainingState& now,
                           const std::string& why) {
    CHECK_THAT(input_error([&] { TrainingState::read(prefix, reader, now); }),
               Catch::Matchers::ContainsSubstring(why));
  };
  refused("third ", state, "'third run' is missing");
  TrainingState other = state;
  other.run = "another run";
  refused("first ", other, "of another training");
  other = state;
  other.tensors[0].second = torch::zeros({4});
  refused("first ", other, "'first a' is [3]");
  other = state;
  other.tensors.emplace_back("b", torch::zeros({1}));
  refused("first ", other, "'first b' is missing");
  other = state;
  other.steps = 6;
  refused("first ", other, "at step 7 of 6");
}

TEST_CASE("a state whose step or weights cannot be is refused, but for one that was given up") {
  const TemporaryFolder folder;
  const auto read = [&](const std::string& step, const std::string& failure, float weight) {
    TrainingState state{"run", {{"master.a", torch::full({2}, weight)}}, 0, 9, failure};
    NamedTensors tensors;
    std::map<std::string, std::string> metadata;
    state.store("", tensors, metadata);
    metadata["step"] = step;
    write_safetensors(folder / "c.safetensors", tensors, metadata);
    return TrainingState::read("", SafetensorsReader(folder / "c.safetensors"), state);
  };
  CHECK(read("9", "", 1).step == 9);
  for (const char* step : {"10", "-5", "100000000", "3x", "", "99999999999999999999"})
    CHECK_THAT(input_error([&] { read(step, "", 1); }),
               Catch::Matchers::ContainsSubstring(fmt::format("it is at step {} of 9", step)));
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK_THAT(input_error([&] { read("3", "", bad); }),
               Catch::Matchers::ContainsSubstring("'master.a' holds nan or infinity"));
    CHECK(read("3", "the loss is not finite", bad).step == 3);
  }
}

TEST_CASE("differences from the base are what two copies of the model would give") {
  const torch::Dtype dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  const Weights base = family_weights("gpt2").clone(dtype);  // names that are views of fused ones
  TrainSettings settings;
  settings.learning_rate = 1e-2;
  const std::vector<Example> examples = {{{5, 17, 40}, {9, 33}}, {{8, 3}, {20}}};
  Trainer full(base, examples, settings);
  full.step();
  Weights now = base.clone(torch::kFloat32);
  now.assign(full.master());
  const NamedTensors expected = now.named(), before = base.clone(torch::kFloat32).named();
  std::size_t i = 0;
  for_each_difference(full.named(), base.named(),
                      [&](const std::string& name, const torch::Tensor& difference) {
                        REQUIRE(i < expected.size());
                        CHECK(name == expected[i].first);
                        CHECK(torch::equal(difference, expected[i].second - before[i].second));
                        ++i;
                      });
  CHECK(i == expected.size());

  LoraConfig config;
  config.targets.names = {"c_attn"};
  const LoraAdapter start = LoraAdapter::create(config, base, 1, "test");
  Trainer lora(Trainee::lora(base, start), examples, settings);
  lora.step();
  LoraAdapter master = start.clone(torch::kFloat32);
  master.assign(lora.master());
  const NamedTensors adapter = lora.named(), wanted = master.named();
  REQUIRE(adapter.size() == wanted.size());
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    CHECK(adapter[t].first == wanted[t].first);
    CHECK(torch::equal(adapter[t].second, wanted[t].second));
  }
}
