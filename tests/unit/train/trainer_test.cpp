// Trainer against torch's AdamW on the reference model, checkpoints, and what stops a training.
#include "factsweep/train/trainer.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "tiny_model.hpp"
#include "training_steps.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

TrainSettings reference_settings() {
  TrainSettings settings;
  settings.learning_rate = 1e-3;
  settings.batch_size = 3;
  settings.dropout = 0;
  return settings;
}

/// Several steps an epoch, other members in each, and dropout.
Trainer shuffled_trainer(std::uint64_t seed = 3) {
  TrainSettings settings = reference_settings();
  settings.batch_size = 2;
  settings.dropout = 0.1;
  settings.seed = seed;
  return Trainer(tiny_model().weights, reference_examples(Reference("llama-tied")), settings);
}

}  // namespace

TEST_CASE("ten AdamW steps are torch's: losses and weights") {
  for (const char* name : {"llama-tied", "llama3-untied"}) {
    INFO(name);
    const Reference reference(name);
    const Weights base = tiny_model(name).weights;
    const auto base_before = copies(base.parameters());
    Trainer trainer(base, reference_examples(reference), reference_settings());
    CHECK(trainer.steps_per_epoch() == 1);
    const torch::Tensor expected = reference.reader.view("adamw_losses");
    for (std::int64_t step = 0; step < 10; ++step) {
      INFO("step " << step);
      const Trainer::StepLoss loss = trainer.step();
      CHECK(loss.answer_tokens == 15);
      CHECK(loss.tokens == 49 - 3);  // the last answer token of each example is never fed
      CHECK(loss.sum / 15 == Approx(expected[step].item<double>()).epsilon(1e-5));
    }
    CHECK(trainer.steps_done() == 10);
    int compared = 0;  // the reference holds a few of the tensors
    for (const auto& [tensor_name, tensor] : trainer.weights().named()) {
      if (!reference.reader.has("adamw." + tensor_name)) continue;
      ++compared;
      INFO(tensor_name);
      const torch::Tensor after = reference.reader.view("adamw." + tensor_name);
      CHECK((tensor.cpu() - after).abs().max().item<double>() < 2e-5);
    }
    CHECK(compared >= 2);
    CHECK(mean_loss(trainer) == Approx(expected[10].item<double>()).epsilon(1e-5));
    CHECK(expected[10].item<double>() < 0.9 * expected[0].item<double>());
    CHECK(equal(base.parameters(), base_before));
  }
}

TEST_CASE("microbatches change a training only by rounding") {
  const Reference reference("llama-tied");
  const Weights base = tiny_model().weights;
  TrainSettings settings = reference_settings();
  settings.dropout = GENERATE(0.0, 0.2);
  settings.loss = GENERATE(LossMean::token, LossMean::example, LossMean::microbatch);
  settings.microbatch_examples = 2;
  Trainer whole(base, reference_examples(reference), settings);
  settings.microbatch_tokens = 1;
  Trainer parts(base, reference_examples(reference), settings);
  settings.microbatch_tokens = 30;
  Trainer pairs(base, reference_examples(reference), settings);
  const auto expected = losses(whole, 10);
  const auto one_by_one = losses(parts, 10), two_and_one = losses(pairs, 10);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(one_by_one[i] == Approx(expected[i]).epsilon(1e-6));
    CHECK(two_and_one[i] == Approx(expected[i]).epsilon(1e-6));
  }
}

TEST_CASE("a mean over examples weighs a short answer as a long one, one over tokens does not") {
  const Weights base = tiny_model().weights;
  const auto sequence = Reference("llama-tied").sequences.front();
  const std::vector<Example> examples = {
      {{sequence[0], sequence[1]}, {sequence[2]}},
      {{sequence[0], sequence[1]}, {sequence.begin() + 2, sequence.begin() + 8}},
      {{sequence[0]}, {sequence.begin() + 1, sequence.begin() + 4}}};
  TrainSettings settings = reference_settings();
  settings.batch_size = 1;
  std::vector<double> sums;  // of each example's answer tokens
  for (const Example& example : examples) {
    Trainer trainer(base, {example}, settings);
    sums.push_back(trainer.step().sum);
  }
  settings.batch_size = 3;
  const auto loss = [&](LossMean mean, std::int64_t together) {
    settings.loss = mean;
    settings.microbatch_examples = together;
    Trainer trainer(base, examples, settings);
    const StepLoss step = trainer.step();
    return step.sum / step.weight;
  };
  const double token = (sums[0] + sums[1] + sums[2]) / 10;
  const double example = (sums[0] + sums[1] / 6 + sums[2] / 3) / 3;
  CHECK(loss(LossMean::token, 1) == Approx(token).epsilon(1e-5));
  CHECK(loss(LossMean::example, 1) == Approx(example).epsilon(1e-5));
  CHECK(loss(LossMean::microbatch, 1) == Approx(example).epsilon(1e-5));
  CHECK(loss(LossMean::microbatch, 3) == Approx(token).epsilon(1e-5));
  // pairs are of the order of the draw, the last one may be short
  const std::vector<std::int64_t> drawn = BatchOrder({2, 7, 3}, settings).batch(0);
  const std::vector<double> tokens = {1, 6, 3};
  const auto at = [&](std::size_t i) { return static_cast<std::size_t>(drawn[i]); };
  const double pair = (sums[at(0)] + sums[at(1)]) / (tokens[at(0)] + tokens[at(1)]);
  CHECK(loss(LossMean::microbatch, 2) ==
        Approx((pair + sums[at(2)] / tokens[at(2)]) / 2).epsilon(1e-5));
}

TEST_CASE("answers that take turns: another one each epoch, in the same places") {
  const Weights base = tiny_model().weights;
  const std::vector<Example> plain = {{{1, 5, 6}, {8, 2}}, {{1, 7}, {9, 10, 2}}};
  std::vector<Example> turns = plain;
  turns[1].others = {{11, 2}, {12, 13, 14, 2}};
  TrainSettings settings = reference_settings();
  settings.batch_size = 1;
  settings.learning_rate = 0;  // so that each loss is that of the model as it began
  settings.epochs = 4;
  Trainer trainer(base, turns, settings), without(base, plain, settings);
  REQUIRE(trainer.steps_per_epoch() == 2);
  const std::vector<std::vector<TokenId>> expected = {
      {9, 10, 2}, {11, 2}, {12, 13, 14, 2}, {9, 10, 2}};
  for (std::size_t epoch = 0; epoch < expected.size(); ++epoch) {
    for (int i = 0; i < 2; ++i) {
      const StepLoss before = without.step(), now = trainer.step();
      INFO("epoch " << epoch);
      if (before.answer_tokens == 2) {
        CHECK(now.sum == before.sum);
        continue;
      }
      Trainer alone(base, {{{1, 7}, expected[epoch]}}, settings);
      CHECK(now.sum == Approx(alone.step().sum).epsilon(1e-6));
      CHECK(now.answer_tokens == static_cast<std::int64_t>(expected[epoch].size()));
    }
  }
  // a checkpoint of it is its own
  const TemporaryFolder folder;
  trainer.save(folder / "c.safetensors", {});
  CHECK_FALSE(without.restore(folder / "c.safetensors").has_value());
  Trainer again(base, turns, settings);
  CHECK(again.restore(folder / "c.safetensors").has_value());
}

TEST_CASE("in bfloat16 a batch of many passes has the float32 sum of their gradients") {
  const Weights base = tiny_model().weights.clone(torch::kBFloat16);
  const auto list = reference_examples(Reference("llama-tied"));
  std::vector<Example> examples;
  for (int i = 0; i < 64; ++i) examples.push_back(list[static_cast<std::size_t>(i) % list.size()]);
  TrainSettings settings = reference_settings();
  settings.beta1 = settings.beta2 = 0;  // a step moves a master by a hundred times its gradient
  settings.epsilon = 1e6;
  settings.learning_rate = 1e8;
  settings.loss = LossMean::example;
  const auto moved = [&](const std::vector<Example>& some, std::int64_t tokens) {
    settings.batch_size = static_cast<std::int64_t>(some.size());
    settings.microbatch_tokens = tokens;
    Trainer trainer(base, some, settings);
    std::vector<torch::Tensor> change = copies(trainer.master());
    trainer.step();
    for (std::size_t i = 0; i < change.size(); ++i) change[i] = trainer.master()[i] - change[i];
    return change;
  };
  const auto found = moved(examples, 1);
  std::vector<torch::Tensor> expected;
  for (std::size_t e = 0; e < list.size(); ++e) {
    const auto one = moved({list[e]}, 1);
    const double share = (e == 0 ? 22.0 : 21.0) / 64;  // a division by 64 rounds nothing
    for (std::size_t i = 0; i < one.size(); ++i) {
      if (e == 0) expected.push_back(torch::zeros_like(one[i]));
      expected[i].add_(one[i], share);
    }
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double largest = expected[i].abs().max().item<double>();
    CHECK((found[i] - expected[i]).abs().max().item<double>() < 1e-4 * largest);
  }
}

TEST_CASE("a run continued from a checkpoint is the uninterrupted run, bit for bit") {
  const TemporaryFolder folder;
  Trainer whole = shuffled_trainer();
  CHECK(whole.steps_per_epoch() == 2);
  const auto expected = losses(whole, 8);

  Trainer first = shuffled_trainer();
  const auto head = losses(first, 3);
  CHECK(std::equal(head.begin(), head.end(), expected.begin()));
  first.save(folder / "c.safetensors", {{"mine", torch::arange(4)}});
  CHECK(mean_loss(first) == expected[3]);  // saving disturbs nothing

  Trainer second = shuffled_trainer();
  losses(second, 1);  // whatever it did before is replaced
  const auto extras = second.restore(folder / "c.safetensors");
  REQUIRE(extras.has_value());
  CHECK(torch::equal(extras->view("mine"), torch::arange(4)));
  CHECK(second.steps_done() == 3);
  const auto tail = losses(second, 5);
  CHECK(std::equal(tail.begin(), tail.end(), expected.begin() + 3));
  CHECK(equal(second.master(), whole.master()));
  CHECK(equal(second.weights().parameters(), whole.weights().parameters()));

  Trainer other = shuffled_trainer(4);
  CHECK(losses(other, 8) != expected);
}

TEST_CASE("bfloat16 training keeps float32 master weights, also across a checkpoint") {
  const TemporaryFolder folder;
  const Weights base = tiny_model().weights.clone(torch::kBFloat16);
  const auto make = [&] {
    return Trainer(base, reference_examples(Reference("llama-tied")), reference_settings());
  };
  Trainer whole = make(), first = make(), second = make();
  const auto expected = losses(whole, 6);
  CHECK(expected.back() < 0.95 * expected.front());
  losses(first, 2);
  first.save(folder / "c.safetensors", {});
  REQUIRE(second.restore(folder / "c.safetensors").has_value());
  losses(second, 4);
  CHECK(equal(second.master(), whole.master()));
  const auto working = whole.weights().parameters();
  for (std::size_t i = 0; i < working.size(); ++i) {
    CHECK(whole.master()[i].scalar_type() == torch::kFloat32);
    CHECK(torch::equal(working[i], whole.master()[i].to(torch::kBFloat16)));
  }
}

TEST_CASE("a checkpoint that is absent, damaged or foreign is ignored and changes nothing") {
  const TemporaryFolder folder;
  const auto file = folder / "c.safetensors";
  Trainer trainer = shuffled_trainer();
  losses(trainer, 2);
  trainer.save(file, {});
  const std::string good = read_file(file);
  losses(trainer, 1);
  const auto before = copies(trainer.master());
  const auto check_ignored = [&] {
    CHECK_FALSE(trainer.restore(file).has_value());
    CHECK(trainer.steps_done() == 3);
    CHECK(equal(trainer.master(), before));
  };
  const std::string step = R"("step":"2")";
  const std::size_t at = good.find(step);
  REQUIRE(at != std::string::npos);
  std::string renamed = good, garbled = good;
  renamed.replace(at, step.size(), R"("stop":"2")");
  garbled.replace(at, step.size(), R"("step":"x")");
  const std::vector<std::string> contents = {"",      "not safetensors",
                                             renamed, good.substr(0, good.size() - 4),
                                             garbled, good.substr(0, good.size() / 2)};
  for (std::size_t i = 0; i < contents.size(); ++i) {
    INFO("content " << i);
    write_file(file, contents[i]);
    check_ignored();
  }
  std::filesystem::remove(file);
  check_ignored();
  Trainer(Weights::random(ModelConfig::llama(64, 32, 1, 4, 2, 24, 64), 1), {{{1}, {2}}}, {})
      .save(file, {});
  check_ignored();
  write_file(file, good);
  CHECK(trainer.restore(file).has_value());
  CHECK(trainer.steps_done() == 2);
}

TEST_CASE("a loss that is not finite stops the training and leaves the weights") {
  TrainSettings settings = reference_settings();
  settings.learning_rate = 1e15;  // finite weights whose attention scores overflow
  const Weights base = tiny_model().weights;
  Trainer trainer(base, reference_examples(Reference("llama-tied")), settings);
  trainer.step();
  const auto before = copies(trainer.master());
  CHECK_THROWS_WITH(trainer.step(), Catch::Matchers::ContainsSubstring("not finite") &&
                                        Catch::Matchers::ContainsSubstring("train.learning_rate"));
  CHECK(equal(trainer.master(), before));
  CHECK(trainer.steps_done() == 1);
  settings.learning_rate = 1e30;  // the norms' squares overflow: the loss is log(64) for one step
  Trainer other(base, reference_examples(Reference("llama-tied")), settings);
  CHECK_THROWS_WITH(losses(other, 4), Catch::Matchers::ContainsSubstring("not finite"));
}

TEST_CASE("clipping bounds the step, warm-up and cosine decay scale it") {
  // with SGD-like moments (beta 0, epsilon large) an AdamW step is lr * gradient / epsilon
  TrainSettings settings = reference_settings();
  settings.beta1 = settings.beta2 = 0;
  settings.epsilon = 1e6;
  settings.learning_rate = 1e6;
  const Weights base = tiny_model().weights;
  const auto moved = [&](const TrainSettings& how, int steps) {
    Trainer trainer(base, reference_examples(Reference("llama-tied")), how);
    losses(trainer, steps - 1);
    const auto before = copies(trainer.master());
    losses(trainer, 1);
    double square = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      square += (trainer.master()[i] - before[i]).square().sum().item<double>();
    }
    return std::sqrt(square);
  };
  const double free_step = moved(settings, 1);
  settings.gradient_clip = 2 * free_step;
  CHECK(moved(settings, 1) == Approx(free_step).epsilon(1e-4));
  settings.gradient_clip = free_step / 4;
  CHECK(moved(settings, 1) == Approx(free_step / 4).epsilon(1e-3));
  // now every step is clipped to the same length, times the learning rate's factor
  settings.gradient_clip = 1e-3;
  settings.warmup_steps = 4;
  CHECK(moved(settings, 1) == Approx(0.25e-3).epsilon(1e-2));
  CHECK(moved(settings, 3) == Approx(0.75e-3).epsilon(1e-2));
  settings.warmup_steps = 0;
  settings.decay = Decay::cosine;
  settings.epochs = 4;
  CHECK(moved(settings, 1) == Approx(1e-3).epsilon(1e-2));
  CHECK(moved(settings, 3) == Approx(0.5e-3).epsilon(1e-2));
}
