// Adapters that train together against the same adapters alone.
#include "factsweep/train/packed_trainer.hpp"

#include <limits>

#include "catch.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

/// Texts of several lengths, cut into prompt and answer; different ones for each `first`.
std::vector<Example> examples_of(std::size_t first, std::size_t count) {
  const Reference reference(model_data("families/llama/reference.safetensors"));
  std::vector<Example> examples;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<TokenId> text = reference.sequences[(first + i) % reference.sequences.size()];
    const std::size_t length = std::min(text.size(), 4 + (5 * (first + i)) % 9);
    const std::size_t answer = 1 + (first + i) % 3;
    text.resize(length);
    examples.push_back({{text.begin(), text.end() - static_cast<std::ptrdiff_t>(answer)},
                        {text.end() - static_cast<std::ptrdiff_t>(answer), text.end()}});
  }
  return examples;
}

/// Members that differ in everything that may differ.
std::vector<PackedMember> different_members(const Weights& base) {
  std::vector<PackedMember> members;
  const std::vector<std::vector<std::string>> targets = {
      {"q_proj", "v_proj"}, {"down_proj", "k_proj"}, {"v_proj", "o_proj", "up_proj"}, {"q_proj"}};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    LoraConfig config;
    config.rank = 2 + static_cast<std::int64_t>(i);
    config.alpha = 4;
    config.dropout = i == 1 ? 0.2 : 0;
    config.targets.names = targets[i];
    TrainSettings settings;
    settings.learning_rate = 1e-2 / static_cast<double>(i + 1);
    settings.decay = i == 2 ? Decay::cosine : Decay::constant;
    settings.loss = i == 0   ? LossMean::token
                    : i == 1 ? LossMean::example
                             : LossMean::microbatch;
    settings.microbatch_examples = 2;
    settings.warmup_steps = i == 3 ? 2 : 0;
    settings.batch_size = 3;
    settings.epochs = 2 + static_cast<std::int64_t>(i);
    settings.dropout = i == 2 ? 0.1 : 0;
    settings.weight_decay = 0.01;
    settings.microbatch_tokens = i == 0 ? 12 : 4096;
    settings.seed = 7 + i;
    members.push_back(
        {LoraAdapter::create(config, base, i, "test"), examples_of(i, 4 + i), settings});
  }
  return members;
}

struct Result {
  std::vector<double> losses;
  std::vector<torch::Tensor> master;
  bool operator==(const Result& other) const {
    return losses == other.losses &&
           std::equal(
               master.begin(), master.end(), other.master.begin(), other.master.end(),
               [](const torch::Tensor& x, const torch::Tensor& y) { return torch::equal(x, y); });
  }
};

/// Largest relative difference of two loss curves. Products over another number of rows may round
/// otherwise, and nothing else may differ.
double distance(const Result& found, const Result& expected) {
  REQUIRE(found.losses.size() == expected.losses.size());
  double largest = 0;
  for (std::size_t i = 0; i < found.losses.size(); ++i)
    largest = std::max(largest, std::abs(found.losses[i] / expected.losses[i] - 1));
  return largest;
}

Result alone(const Weights& base, const PackedMember& member) {
  Trainer trainer(Trainee::lora(base, member.start), member.examples, member.settings);
  Result result;
  while (trainer.steps_done() < trainer.steps_per_epoch() * member.settings.epochs)
    result.losses.push_back(trainer.step().sum);
  result.master = trainer.master();
  return result;
}

void advance(PackedTrainer& trainer, std::vector<Result>& results, int steps = 1000) {
  results.resize(trainer.members());
  for (; steps > 0 && !trainer.is_done(); --steps) {
    const std::vector<StepLoss> losses = trainer.step();
    for (std::size_t i = 0; i < losses.size(); ++i) {
      if (losses[i].tokens > 0) results[i].losses.push_back(losses[i].sum);
      results[i].master = trainer.course(i).master();
    }
  }
}

std::vector<Result> together(PackedTrainer trainer) {
  std::vector<Result> results;
  advance(trainer, results);
  return results;
}

}  // namespace

TEST_CASE("together or alone, a training is the same") {
  const Weights base = family_weights("llama");
  const auto members = different_members(base);
  const std::int64_t pass_tokens = GENERATE(10000, 40, 1);
  const std::vector<Result> found = together(PackedTrainer(base, members, pass_tokens));
  for (std::size_t i = 0; i < members.size(); ++i) {
    INFO("member " << i << ", " << pass_tokens << " tokens a pass");
    const Result expected = alone(base, members[i]);
    CHECK(expected.losses.back() != Approx(expected.losses.front()).epsilon(0.01));
    CHECK(distance(found[i], expected) < 1e-5);
    for (std::size_t j = 0; j < expected.master.size(); ++j)
      CHECK(relative_distance(found[i].master[j], expected.master[j]) < 1e-3);
    PackedMember split = members[i];  // with dropout, too
    split.settings.microbatch_tokens = 1;
    CHECK(distance(found[i], alone(base, split)) < 1e-5);
    // nobody else in its passes: the very same products
    if (pass_tokens == 1) CHECK(found[i] == expected);
  }
}

TEST_CASE("a member that diverges is dropped and named, and nobody else notices") {
  const Weights base = family_weights("llama");
  auto members = different_members(base);
  members[1].settings.learning_rate = 1e38;
  const auto start = members[2].start.clone(torch::kFloat32);
  start.parameters().back().second.fill_(std::numeric_limits<float>::infinity());
  members[2].start = start;
  PackedTrainer trainer(base, members);
  std::vector<Result> found;
  advance(trainer, found);
  CHECK(trainer.failure(1) == "the loss is not finite at step 1. Lower train.learning_rate.");
  CHECK(trainer.failure(2) == "the loss is not finite at step 0. Lower train.learning_rate.");
  CHECK(found[1].losses.size() == 1);
  CHECK(found[2].losses.empty());
  CHECK(torch::equal(found[2].master.front(), start.parameters().front().second));
  for (const std::size_t i : {0, 3}) {
    CHECK(trainer.failure(i).empty());
    CHECK(distance(found[i], alone(base, members[i])) < 1e-5);
  }
}

TEST_CASE("continued from a checkpoint, trainings of unequal length are the uninterrupted ones") {
  const TemporaryFolder folder;
  const Weights base = family_weights("llama");
  auto members = different_members(base);
  members[3].settings.learning_rate = 1e38;  // is dropped before the checkpoint
  const std::vector<Result> expected = together(PackedTrainer(base, members));
  PackedTrainer first(base, members), second(base, members);
  std::vector<Result> head, tail;
  advance(first, head, 5);
  first.save(folder / "c.safetensors", {{"mine", torch::arange(4)}});
  const auto extras = second.restore(folder / "c.safetensors");
  REQUIRE(extras.has_value());
  CHECK(torch::equal(extras->view("mine"), torch::arange(4)));
  CHECK_FALSE(second.failure(3).empty());
  advance(second, tail);
  for (std::size_t i = 0; i < members.size(); ++i) {
    INFO(i);
    head[i].losses.insert(head[i].losses.end(), tail[i].losses.begin(), tail[i].losses.end());
    CHECK(head[i].losses == expected[i].losses);
    if (i == 3) continue;  // its weights are no numbers
    head[i].master = second.course(i).master();
    CHECK(head[i] == expected[i]);
  }
  members[0].settings.seed = 99;
  PackedTrainer other(base, members);
  CHECK_FALSE(other.restore(folder / "c.safetensors").has_value());
  CHECK(other.course(1).steps_done() == 0);
}

TEST_CASE("a member serves as it is, and the base stays as it was") {
  const Weights base = family_weights("llama");
  std::vector<torch::Tensor> before;
  for (const torch::Tensor& parameter : base.parameters()) before.push_back(parameter.clone());
  const auto members = different_members(base);
  PackedTrainer trainer(base, members);
  std::vector<Result> results;
  advance(trainer, results);
  for (std::size_t i = 0; i < before.size(); ++i)
    CHECK(torch::equal(base.parameters()[i], before[i]));
  torch::NoGradGuard no_grad;
  const std::vector<std::vector<TokenId>> text = {{5, 17, 40, 9, 33}};
  const LoraAdapter adapter = trainer.adapter(2);
  CHECK(torch::equal(logits_of(trainer.weights(2), text),
                     logits_of(with_adapters(base, {&adapter, 1}), text)));
  LoraConfig config;
  config.targets.names = {"q_proj"};
  config.bias = LoraBias::lora_only;
  const LoraAdapter biased = LoraAdapter::create(config, base, 1, "test");
  CHECK_THAT(input_error([&] {
               PackedTrainer(base, {{biased, examples_of(0, 2), {}}});
             }),
             Catch::Matchers::ContainsSubstring("lora.bias"));
}
