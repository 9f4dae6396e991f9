// Every objective in full fine-tuning, LoRA, and adapters that train together: gradients against
// autograd over plain logits, and checkpoints.
#include "factsweep/train/objectives.hpp"

#include "catch.hpp"
#include "factsweep/train/packed_trainer.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"
#include "training_steps.hpp"

using namespace factsweep;
using namespace factsweep::test;
using torch::Tensor;

namespace {

using ObjectivePointer = std::shared_ptr<const Objective>;

constexpr double kBeta = 0.7, kNear = 0.3;

std::vector<Example> examples_of(std::size_t count) {
  const Reference reference(model_data("families/llama/reference.safetensors"));
  std::vector<Example> examples;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<TokenId> text = reference.sequences[i % reference.sequences.size()];
    text.resize(std::min(text.size(), 5 + (5 * i) % 7));
    const auto cut = text.end() - static_cast<std::ptrdiff_t>(1 + i % 3);
    Example example{{text.begin(), cut}, {cut, text.end()}};
    example.rejected = {static_cast<TokenId>(7 + i), static_cast<TokenId>(11 + 2 * i)};
    example.weight = 0.5 + static_cast<double>(i);
    examples.push_back(example);
  }
  return examples;
}

/// An objective, and its name in expected_mean().
struct Case {
  std::string name;
  ObjectivePointer objective;
};

std::vector<Case> cases(const Weights& base) {
  return {
      {"answers", answer_loss()},
      {"ascent", std::make_shared<Ascent>()},
      {"near base", std::make_shared<NearBase>(base, kNear)},
      {"preference", std::make_shared<Preference>(base, kBeta)},
      {"weighted", std::make_shared<WeightedAnswers>()},
      {"ascent near base", std::make_shared<NearBase>(base, kNear, std::make_shared<Ascent>())}};
}

/// log p over the vocabulary at the place of every token of `answer`: one sequence, nothing packed.
Tensor log_p(const Weights& model, const Example& example, const std::vector<TokenId>& answer) {
  std::vector<TokenId> text = example.prompt;
  text.insert(text.end(), answer.begin(), answer.end());
  const auto first = static_cast<std::int64_t>(example.prompt.size()) - 1;
  return logits_of(model, {text})
      .narrow(0, first, static_cast<std::int64_t>(answer.size()))
      .log_softmax(-1);
}

Tensor log_p_of(const Weights& model, const Example& example, const std::vector<TokenId>& answer) {
  const std::vector<std::int64_t> ids(answer.begin(), answer.end());
  return log_p(model, example, answer).gather(1, placed(torch::tensor(ids).unsqueeze(1))).sum();
}

/// What a step should minimise over `examples`, by plain logits of one sequence after the other.
Tensor expected_mean(const std::string& name, const Weights& model, const Weights& base,
                     const std::vector<Example>& examples) {
  Tensor sum = torch::zeros({});
  double weight = 0;
  for (const Example& e : examples) {
    const auto tokens = static_cast<double>(e.answer.size());
    const auto divergence = [&] {
      const Tensor q = log_p(base, e, e.answer);
      return (q.exp() * (q - log_p(model, e, e.answer))).sum();
    };
    if (name == "preference") {
      const auto gain = [&](const std::vector<TokenId>& answer) {
        return log_p_of(model, e, answer) - log_p_of(base, e, answer);
      };
      sum = sum - torch::log(torch::sigmoid(kBeta * (gain(e.answer) - gain(e.rejected))));
      weight += 1;
    } else if (name == "weighted") {
      sum = sum - e.weight * log_p_of(model, e, e.answer);
      weight += e.weight * tokens;
    } else {
      const double sign = name.starts_with("ascent") ? 1 : -1;
      sum = sum + sign * log_p_of(model, e, e.answer);
      if (name.ends_with("near base")) sum = sum + kNear * divergence();
      weight += tokens;
    }
  }
  return sum / weight;
}

/// One step moves each leaf by a hundred times its gradient; the batch takes several passes.
TrainSettings gradient_settings() {
  TrainSettings settings;
  settings.beta1 = settings.beta2 = 0;
  settings.epsilon = 1e6;
  settings.learning_rate = 1e8;
  settings.batch_size = 100;
  settings.dropout = 0;
  settings.microbatch_tokens = 30;
  return settings;
}

/// Several steps an epoch, with dropout.
TrainSettings small_settings(std::uint64_t seed) {
  TrainSettings settings;
  settings.learning_rate = 3e-3;
  settings.batch_size = 3;
  settings.epochs = 3;
  settings.dropout = 0.1;
  settings.seed = seed;
  return settings;
}

LoraAdapter adapter_of(const Weights& base, std::uint64_t seed) {
  LoraConfig config;
  config.rank = 3;
  config.alpha = 6;
  config.targets.names = {"q_proj", "down_proj"};
  LoraAdapter adapter = LoraAdapter::create(config, base, seed, "test");
  torch::manual_seed(seed);
  torch::NoGradGuard no_grad;  // B begins at zero, where A has no gradient and nothing differs
  for (const auto& [name, tensor] : adapter.parameters()) tensor.normal_(0, 0.1);
  return adapter;
}

void check_moved(const std::vector<Tensor>& before, const std::vector<Tensor>& after,
                 const std::vector<Tensor>& gradients) {
  REQUIRE(before.size() == gradients.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    INFO("tensor " << i);
    const double moved = (before[i] - after[i] - 100 * gradients[i]).abs().max().item<double>();
    CHECK(moved < 1e-3 * 100 * gradients[i].abs().max().item<double>() + 2e-6);
  }
}

void check_same_results(Training& whole, Training& first, Training& second, Training& other,
                        const std::filesystem::path& file) {
  std::vector<double> expected, found;
  const auto advance = [](Training& training, int steps, std::vector<double>& sums) {
    for (int i = 0; i < steps; ++i) {
      for (const StepLoss& loss : training.advance()) sums.push_back(loss.sum);
    }
  };
  advance(whole, 6, expected);
  advance(first, 2, found);
  first.save(file, {});
  CHECK_FALSE(other.restore(file).has_value());
  CHECK(other.course(0).steps_done() == 0);
  REQUIRE(second.restore(file).has_value());
  advance(second, 4, found);
  CHECK(found == expected);
  for (std::size_t i = 0; i < whole.members(); ++i)
    CHECK(equal(second.course(i).master(), whole.course(i).master()));
}

}  // namespace

TEST_CASE("value and gradient are those of plain logits and autograd: full") {
  const Weights base = family_weights("llama");
  // training begins beside the base, so that its divergence has a gradient
  const Weights start = base.clone(torch::kFloat32);
  torch::manual_seed(2);
  for (const Tensor& tensor : start.parameters()) tensor.add_(torch::randn_like(tensor) * 0.02);
  const auto examples = examples_of(7);
  for (const Case& one : cases(base)) {
    INFO(one.name);
    const Weights leaves = start.clone(torch::kFloat32, true);
    const Tensor mean = expected_mean(one.name, leaves, base, examples);
    mean.backward();
    std::vector<Tensor> gradients;
    for (const Tensor& leaf : leaves.parameters()) gradients.push_back(leaf.grad());
    Trainer trainer(start, examples, gradient_settings(), one.objective);
    const auto before = copies(trainer.master());
    const StepLoss loss = trainer.step();
    CHECK(loss.sum / loss.weight == Approx(mean.item<double>()).epsilon(1e-4));
    check_moved(before, trainer.master(), gradients);
  }
}

TEST_CASE("value and gradient are those of plain logits and autograd: LoRA, alone and together") {
  const Weights base = family_weights("llama");
  const auto list = cases(base);
  std::vector<PackedMember> members;
  std::vector<std::vector<Tensor>> gradients, starts;
  std::vector<double> means;
  for (std::size_t i = 0; i < list.size(); ++i) {
    INFO(list[i].name);
    const auto examples = examples_of(4 + i);
    const LoraAdapter start = adapter_of(base, i);
    const LoraAdapter leaves = start.clone(torch::kFloat32, true);
    const Tensor mean =
        expected_mean(list[i].name, with_adapters(base, {&leaves, 1}), base, examples);
    mean.backward();
    means.push_back(mean.item<double>());
    gradients.emplace_back();
    for (const auto& [name, leaf] : leaves.parameters()) gradients.back().push_back(leaf.grad());
    Trainer trainer(Trainee::lora(base, start), examples, gradient_settings(), list[i].objective);
    starts.push_back(copies(trainer.master()));
    const StepLoss loss = trainer.step();
    CHECK(loss.sum / loss.weight == Approx(means.back()).epsilon(1e-4));
    check_moved(starts.back(), trainer.master(), gradients.back());
    members.push_back({start, examples, gradient_settings(), list[i].objective});
  }
  PackedTrainer together(base, members);
  const auto losses = together.step();
  for (std::size_t i = 0; i < list.size(); ++i) {
    INFO(list[i].name);
    CHECK(losses[i].sum / losses[i].weight == Approx(means[i]).epsilon(1e-4));
    check_moved(starts[i], together.course(i).master(), gradients[i]);
  }
}

TEST_CASE("together or alone, a training is the same with every objective") {
  const Weights base = family_weights("llama");
  std::vector<PackedMember> members;
  for (const Case& one : cases(base)) {
    for (int twice = 0; twice < 2; ++twice) {  // two that share an objective, and its reference
      const std::uint64_t seed = members.size();
      members.push_back(
          {adapter_of(base, seed), examples_of(5 + seed % 3), small_settings(seed), one.objective});
    }
  }
  const std::int64_t pass_tokens = GENERATE(10000, 1);
  PackedTrainer together(base, members, pass_tokens);
  while (!together.is_done()) together.step();
  for (std::size_t i = 0; i < members.size(); ++i) {
    INFO(members[i].objective->settings() << ", " << pass_tokens << " tokens a pass");
    Trainer alone(Trainee::lora(base, members[i].start), members[i].examples, members[i].settings,
                  members[i].objective);
    while (!alone.is_done()) alone.step();
    for (std::size_t j = 0; j < alone.master().size(); ++j) {
      CHECK(relative_distance(together.course(i).master()[j], alone.master()[j]) < 1e-3);
      CHECK_FALSE(torch::equal(alone.master()[j], members[i].start.parameters()[j].second));
    }
    // nobody else in its passes: the very same products
    if (pass_tokens == 1) CHECK(equal(together.course(i).master(), alone.master()));
  }
}

TEST_CASE("continued from a checkpoint, a training is the same with every objective") {
  const TemporaryFolder folder;
  const Weights base = family_weights("llama");
  const auto examples = examples_of(7);
  const auto list = cases(base);
  for (std::size_t i = 0; i < list.size(); ++i) {
    INFO(list[i].name);
    const auto& mine = list[i].objective;
    const auto& another = list[(i + 1) % list.size()].objective;
    const auto full = [&](const ObjectivePointer& objective) {
      return Trainer(base, examples, small_settings(3), objective);
    };
    const auto lora = [&](const ObjectivePointer& objective) {
      return Trainer(Trainee::lora(base, adapter_of(base, 1)), examples, small_settings(3),
                     objective);
    };
    const auto packed = [&](const ObjectivePointer& objective) {
      return PackedTrainer(base, {{adapter_of(base, 1), examples, small_settings(3), objective},
                                  {adapter_of(base, 2), examples_of(8), small_settings(4), mine}});
    };
    const auto check = [&](const auto& make) {
      auto whole = make(mine), first = make(mine), second = make(mine), other = make(another);
      check_same_results(whole, first, second, other, folder / "c.safetensors");
    };
    check(full);
    check(lora);
    check(packed);
  }
}

TEST_CASE("an example of weight 2 is the example twice") {
  const Weights base = family_weights("llama");
  auto examples = examples_of(4);
  for (Example& example : examples) example.weight = 1;
  auto twice = examples;
  twice.push_back(examples[2]);
  examples[2].weight = 2;
  TrainSettings settings = gradient_settings();
  settings.loss = GENERATE(LossMean::token, LossMean::example);
  Trainer weighted(base, examples, settings, std::make_shared<WeightedAnswers>());
  Trainer plain(base, twice, settings);
  const auto before = copies(plain.master());
  const StepLoss found = weighted.step(), expected = plain.step();
  CHECK(found.sum == Approx(expected.sum).epsilon(1e-5));
  CHECK(found.weight == expected.weight);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Tensor moved = plain.master()[i] - before[i];
    CHECK((weighted.master()[i] - plain.master()[i]).abs().max().item<double>() <
          1e-3 * moved.abs().max().item<double>() + 2e-6);
  }
}

TEST_CASE("preferences are learnt, ascent unlearns, and the base holds it back") {
  const Weights base = family_weights("llama");
  const auto examples = examples_of(4);
  TrainSettings settings = small_settings(1);
  settings.dropout = 0;
  settings.epochs = 10;
  const auto likelihood = [&](const ObjectivePointer& objective, bool rejected) {
    Trainer trainer(base, examples, settings, objective);
    while (!trainer.is_done()) trainer.step();
    torch::NoGradGuard no_grad;
    double sum = 0;
    for (const Example& e : examples)
      sum += log_p_of(trainer.weights(), e, rejected ? e.rejected : e.answer).item<double>();
    return sum;
  };
  double answer = 0, rejected = 0;
  for (const Example& e : examples) {
    answer += log_p_of(base, e, e.answer).item<double>();
    rejected += log_p_of(base, e, e.rejected).item<double>();
  }
  const auto preference = std::make_shared<Preference>(base, 0.5);
  CHECK(likelihood(preference, false) - likelihood(preference, true) > answer - rejected + 10);
  const double unlearnt = likelihood(std::make_shared<Ascent>(), false);
  CHECK(unlearnt < answer - 10);
  const double held =
      likelihood(std::make_shared<NearBase>(base, 3, std::make_shared<Ascent>()), false);
  CHECK(held > unlearnt + 5);
}
