// LoRA training against PEFT's AdamW steps, what it leaves alone, and its checkpoints.
#include <set>

#include "catch.hpp"
#include "factsweep/model/transformer.hpp"
#include "factsweep/train/trainer.hpp"
#include "tiny_adapter.hpp"
#include "training_steps.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

/// make_peft_references.py's.
TrainSettings peft_settings() {
  TrainSettings settings;
  settings.learning_rate = 5e-3;
  settings.batch_size = 3;
  settings.dropout = 0;
  return settings;
}

LoraConfig small_config(double dropout = 0) {
  LoraConfig config;
  config.rank = 4;
  config.dropout = dropout;
  config.targets.names = {"q_proj", "v_proj", "up_proj"};
  config.bias = LoraBias::all;
  return config;
}

/// Fused q, k, v biases without those of keys: they change no softmax, so their gradient is
/// rounding, which Adam makes steps of.
torch::Tensor without_key_bias(const std::string& name, const torch::Tensor& tensor) {
  if (tensor.dim() != 1) return tensor;
  if (name.find("c_attn") != std::string::npos)
    return torch::cat({tensor.chunk(3)[0], tensor.chunk(3)[2]});
  if (name.find("query_key_value") != std::string::npos)
    return tensor.view({4, 3, -1}).index_select(1, torch::tensor({0, 2}));
  return tensor;
}

/// Several steps an epoch, dropout of both kinds.
Trainer shuffled_lora_trainer(const Weights& base, std::uint64_t seed = 3, double alpha = 8) {
  TrainSettings settings = peft_settings();
  settings.batch_size = 2;
  settings.dropout = 0.1;
  settings.seed = seed;
  LoraConfig config = small_config(0.1);
  config.alpha = alpha;
  return Trainer(Trainee::lora(base, LoraAdapter::create(config, base, 5, "test")),
                 reference_examples(Reference(model_data("families/qwen2/reference.safetensors"))),
                 settings);
}

}  // namespace

TEST_CASE("twenty AdamW steps are PEFT's: losses, and every tensor of the adapter") {
  for (const auto& [name, family] : peft_adapters()) {
    INFO(name);
    const Weights base = family_weights(family);
    const auto before = copies(base.parameters());
    const Reference reference(adapter_data(name) / "reference.safetensors");
    LoraAdapter adapter = LoraAdapter::load(adapter_data(name), base);
    Trainer trainer(Trainee::lora(base, adapter), reference_examples(reference), peft_settings());
    const torch::Tensor expected = reference.reader.view("losses");
    for (std::int64_t step = 0; step < 20; ++step) {
      INFO("step " << step);
      CHECK(std::abs(mean_loss(trainer) - expected[step].item<double>()) < 1e-4);
    }
    adapter.assign(trainer.master());
    for (const auto& [tensor_name, tensor] : adapter.named()) {
      INFO(tensor_name);
      const torch::Tensor after = reference.reader.view("trained." + tensor_name);
      CHECK((without_key_bias(tensor_name, tensor.cpu()) - without_key_bias(tensor_name, after))
                .abs()
                .max()
                .item<double>() < 1e-3);
    }
    CHECK(std::abs(mean_loss(trainer) - expected[20].item<double>()) < 1e-4);
    CHECK(expected[20].item<double>() < 0.6 * expected[0].item<double>());
    CHECK(equal(base.parameters(), before));
  }
}

TEST_CASE("LoRA trains leaves of its own beside a base that it shares") {
  const Weights base = family_weights("qwen2");
  const auto before = copies(base.parameters());
  Trainer trainer = shuffled_lora_trainer(base);
  const auto expected = losses(trainer, 6);
  Trainer again = shuffled_lora_trainer(base);
  CHECK(losses(again, 6) == expected);
  CHECK(equal(again.master(), trainer.master()));
  CHECK(equal(base.parameters(), before));
  const Weights now = trainer.weights();
  for (const LinearId linear : {dense::qkv, dense::output, dense::up, dense::down}) {
    CHECK(now.layers[1].linears[linear].weight.is_alias_of(base.layers[1].linears[linear].weight));
  }
  CHECK(now.embedding.is_alias_of(base.embedding));
  for (const torch::Tensor& parameter : base.parameters()) {
    CHECK_FALSE(parameter.requires_grad());
    CHECK_FALSE(parameter.grad().defined());
  }
  // every leaf has moved
  const LoraAdapter start = LoraAdapter::create(small_config(0.1), base, 5, "test");
  const NamedTensors first = start.parameters();
  REQUIRE(first.size() == trainer.master().size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    INFO(first[i].first);
    CHECK_FALSE(torch::equal(first[i].second, trainer.master()[i]));
  }
  CHECK(losses(*std::make_unique<Trainer>(shuffled_lora_trainer(base, 4)), 6) != expected);
}

TEST_CASE("a LoRA training continued from a checkpoint is the uninterrupted one, bit for bit") {
  const TemporaryFolder folder;
  const Weights base = family_weights("qwen2");
  Trainer whole = shuffled_lora_trainer(base), first = shuffled_lora_trainer(base),
          second = shuffled_lora_trainer(base);
  const auto expected = losses(whole, 8);
  losses(first, 3);
  first.save(folder / "c.safetensors", {{"mine", torch::arange(4)}});
  const auto extras = second.restore(folder / "c.safetensors");
  REQUIRE(extras.has_value());
  CHECK(torch::equal(extras->view("mine"), torch::arange(4)));
  const auto tail = losses(second, 5);
  CHECK(std::equal(tail.begin(), tail.end(), expected.begin() + 3));
  CHECK(equal(second.master(), whole.master()));
  // of another run: a full one, another seed, another scale
  const Reference reference(model_data("families/qwen2/reference.safetensors"));
  Trainer full(base, reference_examples(reference), peft_settings());
  Trainer other_seed = shuffled_lora_trainer(base, 4),
          other_scale = shuffled_lora_trainer(base, 3, 16);
  for (Trainer* other : {&full, &other_seed, &other_scale}) {
    const auto before = copies(other->master());
    CHECK_FALSE(other->restore(folder / "c.safetensors").has_value());
    CHECK(equal(other->master(), before));
    CHECK(other->steps_done() == 0);
  }
}

TEST_CASE("in bfloat16 LoRA keeps float32 masters and serves in bfloat16") {
  const Weights base = family_weights("llama").clone(torch::kBFloat16);
  const Reference reference(adapter_data("llama") / "reference.safetensors");
  Trainer trainer(Trainee::lora(base, LoraAdapter::load(adapter_data("llama"), base)),
                  reference_examples(reference), peft_settings());
  const auto found = losses(trainer, 20);
  const torch::Tensor expected = reference.reader.view("losses");
  for (std::int64_t step = 0; step < 20; ++step)
    CHECK(found[static_cast<std::size_t>(step)] ==
          Approx(expected[step].item<double>()).margin(0.15));
  for (const torch::Tensor& master : trainer.master())
    CHECK(master.scalar_type() == torch::kFloat32);
  torch::NoGradGuard no_grad;
  CHECK(logits_of(trainer.weights(), reference.sequences).scalar_type() == torch::kBFloat16);
}

TEST_CASE("gradients end at the first adapted layer, and dropout is the adapter's own") {
  const Weights base = family_weights("llama");
  LoraConfig config;
  config.dropout = 0.5;
  config.targets.names = {"model.layers.1.mlp.up_proj"};
  const LoraAdapter adapter =
      LoraAdapter::create(config, base, 1, "test").clone(torch::kFloat32, true);
  {
    torch::NoGradGuard no_grad;
    adapter.parameters()[1].second.normal_();
  }
  const std::vector<std::vector<TokenId>> text = {{5, 17, 40, 9, 33}};
  /// Notes which outputs carry gradients.
  class Watch : public LinearHook {
   public:
    torch::Tensor apply(std::int64_t layer, LinearId linear, const torch::Tensor&,
                        const torch::Tensor& y) const override {
      if (y.requires_grad()) seen.insert({layer, linear});
      return y;
    }
    mutable std::set<std::pair<std::int64_t, LinearId>> seen;
  };
  const Watch watch;
  const std::int64_t start = 0;
  const PackedTokens packed = PackedTokens::pack(text, {&start, 1}, test_device());
  const auto run = [&](bool training) {
    std::shared_ptr<const DropoutMasks> masks;
    if (training)
      masks = std::make_shared<DropoutMasks>(std::vector<DropoutMasks::Text>{{9, 5}},
                                             std::vector<std::int64_t>{}, test_device());
    return hidden_states(with_adapters(base, {&adapter, 1}, masks), packed, {.hook = &watch});
  };
  const torch::Tensor trained = run(true), served = run(false);
  const std::set<std::pair<std::int64_t, LinearId>> later = {{1, dense::up}, {1, dense::down}};
  CHECK((watch.seen == later));
  CHECK_FALSE(torch::equal(trained, served));
  torch::NoGradGuard no_grad;
  CHECK(torch::equal(run(false), run(false)));
  CHECK((run(false) - served).abs().max().item<double>() < 1e-5);
}
