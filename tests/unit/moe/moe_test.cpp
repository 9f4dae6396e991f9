// The mixture of experts against an independent PyTorch module (tests/parity/moe_reference.py), and
// what must not change it.
#include "factsweep/moe/moe.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "catch.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

constexpr std::size_t kAnswer = 5;
constexpr double kRanks[] = {2, 4, 3}, kScales[] = {2, 0.5, 1.25}, kBalance = 0.3;  // the script's

Reference moe_reference() {
  return Reference(model_data("../../moe/data") / "reference.safetensors");
}

/// The script's adapters; `order` says which is where.
std::vector<MoeExpert> experts_of(const Reference& reference, const Weights& base,
                                  const std::vector<int>& order = {0, 1, 2}) {
  std::vector<MoeExpert> experts;
  for (const int i : order) {
    LoraConfig config;
    config.rank = static_cast<std::int64_t>(kRanks[i]);
    config.alpha = kRanks[i] * kScales[i];
    config.targets.names = {"q_proj", "v_proj", "down_proj"};
    const std::string prefix = "expert" + std::to_string(i) + ".";
    NamedTensors tensors;
    for (const std::string& name : reference.reader.names()) {
      if (name.starts_with(prefix))
        tensors.emplace_back(name.substr(prefix.size()), reference.reader.view(name));
    }
    const std::string name = "expert " + std::to_string(i);
    experts.push_back({name, LoraAdapter::of(config, tensors, base, name, name)});
  }
  return experts;
}

/// The script's mixture, routers too; their rows in `order`.
MoeAdapter reference_moe(const Reference& reference, const Weights& base,
                         const std::vector<int>& order = {0, 1, 2}) {
  MoeAdapter moe = MoeAdapter::create(experts_of(reference, base, order), base, {.top_k = 2});
  for (const auto& [name, tensor] : moe.named()) {
    if (!name.ends_with("router.weight")) continue;
    for (std::size_t i = 0; i < order.size(); ++i)
      tensor[static_cast<std::int64_t>(i)].copy_(reference.reader.view(name)[order[i]]);
  }
  return moe;
}

std::vector<Example> examples_of(const Reference& reference) {
  std::vector<Example> examples;
  for (const auto& sequence : reference.sequences) {
    const auto cut = sequence.end() - kAnswer;
    examples.push_back({{sequence.begin(), cut}, {cut, sequence.end()}});
  }
  return examples;
}

/// Mean answer-token loss, every row sent through every layer, as in the script.
torch::Tensor loss_of(const Weights& weights, const Reference& reference) {
  std::vector<std::vector<TokenId>> sequences = reference.sequences;
  std::vector<std::int64_t> rows, targets;
  std::int64_t end = 0;
  for (auto& sequence : sequences) {
    targets.insert(targets.end(), sequence.end() - kAnswer, sequence.end());
    sequence.pop_back();
    end += static_cast<std::int64_t>(sequence.size());
    for (std::int64_t row = end - static_cast<std::int64_t>(kAnswer); row < end; ++row)
      rows.push_back(row);
  }
  const torch::Tensor scores =
      logits_of(weights, sequences).index_select(0, placed(torch::tensor(rows)));
  return torch::cross_entropy_loss(scores, placed(torch::tensor(targets)));
}

/// Gradients of the trainee's leaves after one pass, under the names of moe.safetensors.
NamedTensors gradients(const Weights& base, const MoeAdapter& moe, double balance,
                       const Reference& reference, double* term = nullptr) {
  const Trainee trainee = moe_trainee(base, moe, balance);
  const auto masks = std::make_shared<DropoutMasks>(std::vector<DropoutMasks::Text>{},
                                                    std::vector<std::int64_t>{}, test_device());
  torch::Tensor loss = loss_of(*trainee.model(masks), reference);
  if (balance > 0) {
    const torch::Tensor penalty = trainee.penalty();
    if (term != nullptr) *term = penalty.item<double>() / balance;
    loss = loss + penalty;
  }
  loss.backward();
  std::vector<torch::Tensor> values;
  for (const auto& [name, leaf] : trainee.leaves) values.push_back(leaf.grad());
  MoeAdapter holder = moe.clone(torch::kFloat32);
  holder.assign(values);
  return holder.named();
}

torch::Tensor plain_logits(const Weights& weights, const Reference& reference) {
  torch::NoGradGuard no_grad;
  return logits_of(weights, reference.sequences);
}

TrainSettings settings_of() {
  TrainSettings settings;  // moe_reference.py's
  settings.learning_rate = 5e-3;
  settings.batch_size = 3;
  settings.dropout = 0;
  return settings;
}

std::vector<double> losses(Trainer& trainer, int steps) {
  std::vector<double> list;
  for (int i = 0; i < steps; ++i) {
    const Trainer::StepLoss loss = trainer.step();
    list.push_back(loss.sum / static_cast<double>(loss.answer_tokens));
  }
  return list;
}

}  // namespace

TEST_CASE("logits, gradients, picks and losses are an independent PyTorch module's") {
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const MoeAdapter moe = reference_moe(reference, base);
  const torch::Tensor picks = placed(torch::zeros({6, 3}, torch::kInt64));
  CHECK(relative_distance(plain_logits(with_experts(base, moe, {.picks = picks}), reference),
                          reference.reader.view("logits")) < 1e-5);
  CHECK(torch::equal(picks.cpu(), reference.reader.view("picks")));
  CHECK(relative_distance(logits_of(with_experts(base, moe), reference.sequences).detach(),
                          reference.reader.view("logits")) < 1e-5);
  double term = 0;
  for (const auto& [prefix, balance] : {std::pair{"gradient.", 0.0}, {"balanced.", kBalance}}) {
    for (const auto& [name, found] : gradients(base, moe, balance, reference, &term)) {
      INFO(prefix << name);
      CHECK(relative_distance(found, reference.reader.view(prefix + name)) < 1e-5);
    }
  }
  CHECK(term == Approx(reference.reader.view("balance").item<double>()).epsilon(1e-6));
  Trainer trainer(moe_trainee(base, moe), examples_of(reference), settings_of());
  const torch::Tensor expected = reference.reader.view("losses");
  const auto found = losses(trainer, 11);
  for (std::size_t step = 0; step < found.size(); ++step) {
    INFO("step " << step);
    CHECK(found[step] ==
          Approx(expected[static_cast<std::int64_t>(step)].item<double>()).epsilon(1e-4));
  }
}

TEST_CASE("another split of a batch changes a mixture's training only by rounding") {
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const MoeAdapter moe = MoeAdapter::create(experts_of(reference, base), base,
                                            {.top_k = 2, .dropout = 0.2, .seed = 3});
  TrainSettings settings = settings_of();
  settings.loss = LossMean::microbatch;
  settings.microbatch_examples = 2;
  settings.dropout = 0.1;
  Trainer whole(moe_trainee(base, moe), examples_of(reference), settings);
  settings.microbatch_tokens = 1;
  Trainer parts(moe_trainee(base, moe), examples_of(reference), settings);
  const auto expected = losses(whole, 8), found = losses(parts, 8);
  for (std::size_t step = 0; step < found.size(); ++step)
    CHECK(found[step] == Approx(expected[step]).epsilon(1e-5));
}

TEST_CASE("one expert of one is the plain adapter, bit for bit, in training too") {
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const double dropout = GENERATE(0.0, 0.2);
  LoraConfig config;
  config.rank = 3;
  config.alpha = 5;
  config.dropout = dropout;
  config.targets.names = {"q_proj", "v_proj", "down_proj"};
  const LoraAdapter adapter = LoraAdapter::create(config, base, 4, "test");
  for (const auto& [name, tensor] : adapter.named()) {
    if (name.find("lora_B") != std::string::npos) tensor.fill_(0.01);
  }
  const MoeAdapter moe = MoeAdapter::create({{MoeExpert{"only", adapter}}}, base,
                                            {.top_k = 1, .dropout = dropout, .seed = 9});
  CHECK(torch::equal(plain_logits(with_experts(base, moe), reference),
                     plain_logits(with_adapters(base, {&adapter, 1}), reference)));
  TrainSettings settings = settings_of();
  settings.batch_size = 2;
  Trainer plain(Trainee::lora(base, adapter), examples_of(reference), settings);
  Trainer mixed(moe_trainee(base, moe), examples_of(reference), settings);
  CHECK(losses(mixed, 6) == losses(plain, 6));
  MoeAdapter trained = moe.clone(torch::kFloat32);
  trained.assign(mixed.master());
  LoraAdapter expected = adapter.clone(torch::kFloat32);
  expected.assign(plain.master());
  for (std::size_t i = 0; i < expected.slots().size(); ++i) {
    CHECK(torch::equal(trained.slots()[i].A, expected.slots()[i].A));
    CHECK(torch::equal(trained.slots()[i].router, moe.slots()[i].router));
    for (std::size_t p = 0; p < expected.slots()[i].parts.size(); ++p)
      CHECK(torch::equal(trained.slots()[i].parts[p].B, expected.slots()[i].parts[p].B));
  }
}

TEST_CASE("experts that change places with their routers' rows change nothing") {
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const torch::Tensor expected = reference.reader.view("logits");
  for (const std::vector<int>& order : {std::vector<int>{2, 0, 1}, {1, 0, 2}}) {
    const MoeAdapter moe = reference_moe(reference, base, order);
    CHECK(relative_distance(plain_logits(with_experts(base, moe), reference), expected) < 1e-5);
  }
}

TEST_CASE("a mixture is what it was after save and load, and no training of another one") {
  const TemporaryFolder folder;
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const MoeAdapter moe = reference_moe(reference, base);
  moe.save(folder / "moe");
  const MoeAdapter back = MoeAdapter::load(folder / "moe", base);
  CHECK(back.json() == moe.json());
  CHECK(back.names() == std::vector<std::string>{"expert 0", "expert 1", "expert 2"});
  CHECK(torch::equal(plain_logits(with_experts(base, back), reference),
                     plain_logits(with_experts(base, moe), reference)));
  const Weights narrow = base.clone(torch::kBFloat16);
  const MoeAdapter rounded = MoeAdapter::load(folder / "moe", narrow);
  CHECK(rounded.slots().front().router.scalar_type() == torch::kFloat32);
  CHECK(relative_distance(plain_logits(with_experts(narrow, rounded), reference),
                          reference.reader.view("logits")) < 0.1);

  Trainer whole(moe_trainee(base, moe, 0.1), examples_of(reference), settings_of());
  Trainer first(moe_trainee(base, moe, 0.1), examples_of(reference), settings_of());
  Trainer second(moe_trainee(base, moe, 0.1), examples_of(reference), settings_of());
  Trainer other(moe_trainee(base, moe, 0.2), examples_of(reference), settings_of());
  const auto expected = losses(whole, 5);
  losses(first, 2);
  first.save(folder / "c.safetensors", {});
  REQUIRE(second.restore(folder / "c.safetensors").has_value());
  const auto tail = losses(second, 3);
  CHECK(std::equal(tail.begin(), tail.end(), expected.begin() + 2));
  CHECK_FALSE(other.restore(folder / "c.safetensors").has_value());
}

TEST_CASE("fresh routers depend on seed and module alone, and lie within the bound") {
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const auto experts = experts_of(reference, base);
  const auto routers = [&](std::uint64_t seed) {
    std::vector<torch::Tensor> list;
    const MoeAdapter moe = MoeAdapter::create(experts, base, {.seed = seed});
    for (const MoeSlot& slot : moe.slots()) list.push_back(slot.router);
    return list;
  };
  const auto one = routers(1), again = routers(1), two = routers(2);
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(torch::equal(one[i], again[i]));
    CHECK_FALSE(torch::equal(one[i], two[i]));
    const double bound = 1 / std::sqrt(static_cast<double>(one[i].size(1)));
    CHECK(one[i].abs().max().item<double>() <= bound);
    CHECK(one[i].abs().max().item<double>() > 0.9 * bound);
  }
}

TEST_CASE("Arrow's routers are the directions that the experts stretch most, of either sign") {
  const TemporaryFolder folder;
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const MoeAdapter moe = MoeAdapter::create(experts_of(reference, base), base,
                                            {.routing = Routing::arrow, .top_k = 2});
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : moe.named()) tensors.emplace(name, tensor);
  for (const std::string& module : moe.modules()) {
    const torch::Tensor router = tensors.at(module + ".router.weight");
    for (int i = 0; i < 3; ++i) {
      const std::string expert = module + ".experts." + std::to_string(i);
      const torch::Tensor update =
          tensors.at(expert + ".lora_B.weight").mm(tensors.at(expert + ".lora_A.weight"));
      CHECK(router[i].norm().item<double>() == Approx(1));
      CHECK(update.mv(router[i]).norm().item<double>() ==
            Approx(at::linalg_svdvals(update)[0].item<double>()).epsilon(1e-5));
    }
  }
  const torch::Tensor expected = plain_logits(with_experts(base, moe), reference);
  moe.save(folder / "moe");
  MoeAdapter turned = MoeAdapter::load(folder / "moe", base);
  CHECK(turned.routing() == Routing::arrow);
  for (const MoeSlot& slot : turned.slots()) {
    const torch::Tensor router = slot.router;
    router[1].neg_();
  }
  CHECK(torch::equal(plain_logits(with_experts(base, turned), reference), expected));
  const MoeAdapter learned =
      MoeAdapter::create(experts_of(reference, base), base, {.top_k = 2, .seed = 3});
  CHECK_FALSE(torch::equal(plain_logits(with_experts(base, learned), reference), expected));
}

TEST_CASE("what cannot be mixed is refused by name") {
  const Reference reference = moe_reference();
  const Weights base = family_weights("llama");
  const auto create = [&](std::vector<MoeExpert> experts, std::int64_t top_k) {
    return input_error([&] { MoeAdapter::create(experts, base, {.top_k = top_k}); });
  };
  std::vector<MoeExpert> experts = experts_of(reference, base);
  CHECK(create(experts, 4) == "top_k = 4 is outside [1, 3], the number of experts.");
  LoraConfig config;
  config.targets.names = {"q_proj"};
  config.bias = LoraBias::lora_only;
  CHECK_THAT(create({{"b", LoraAdapter::create(config, base, 1, "test")}}, 1),
             Catch::Matchers::ContainsSubstring("'b' carries biases"));

  const MoeAdapter moe = reference_moe(reference, base);
  const NamedTensors tensors = moe.named();
  const auto of = [&](const std::string& json, const NamedTensors& some) {
    return input_error([&] { MoeAdapter::of(json, some, base, "moe.json", "moe.safetensors"); });
  };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string json = moe.json();
    json.replace(json.find(from), from.size(), to);
    return json;
  };
  CHECK(of(moe.json(), tensors).empty());
  CHECK_THAT(of("{}", tensors), Catch::Matchers::ContainsSubstring("moe.json: "));
  CHECK_THAT(of(changed("\"top_k\": 2", "\"top_k\": 9"), tensors),
             Catch::Matchers::ContainsSubstring("top_k = 9 is outside [1, 3]"));
  CHECK_THAT(of(changed("layers.1", "layers.7"), tensors),
             Catch::Matchers::ContainsSubstring("'model.layers.7.self_attn.q_proj' is no linear"));
  CHECK_THAT(of(moe.json(), {tensors.begin() + 1, tensors.end()}),
             Catch::Matchers::ContainsSubstring(
                 "moe.safetensors: the tensor 'model.layers.0.self_attn.q_proj.router."
                 "weight' is missing"));
}
