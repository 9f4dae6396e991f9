// Layers that are not four matrices: names, targets, adapters and hooks follow the family's list.
#include <algorithm>
#include <cmath>

#include "catch.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/adapter/peft_names.hpp"
#include "factsweep/adapter/weight_changes.hpp"
#include "made_up_family.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<std::string> names_of(const NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

LoraConfig config_for(const std::vector<std::string>& targets) {
  LoraConfig config;
  config.rank = 3;
  config.alpha = 6;
  config.targets.names = targets;
  return config;
}

/// With B that is not zero.
LoraAdapter adapter_of(const LoraConfig& config, const Weights& base) {
  torch::NoGradGuard no_grad;
  const LoraAdapter adapter = LoraAdapter::create(config, base, 7, "here");
  for (const auto& [name, tensor] : adapter.parameters()) tensor.normal_();
  return adapter;
}

}  // namespace

TEST_CASE("a family lists the linears of a layer, and tensors follow its order") {
  const Weights base = made_up_model();
  CHECK(base.layers[0].linears.size() == 5);
  CHECK(base.layers[1].linears.size() == 6);
  const std::vector<std::string> expected = {
      "body.blocks.1.ln.weight",       "body.blocks.1.attn.q.weight",
      "body.blocks.1.attn.kv.weight",  "body.blocks.1.attn.q.bias",
      "body.blocks.1.attn.kv.bias",    "body.blocks.1.attn.out.weight",
      "body.blocks.1.mlp.gate.weight", "body.blocks.1.mlp.up.weight",
      "body.blocks.1.mlp.down.weight", "body.blocks.1.mlp.router.weight"};
  const std::vector<std::string> names = names_of(base.named());
  const auto first = std::find(names.begin(), names.end(), expected.front());
  REQUIRE(names.end() - first > static_cast<std::ptrdiff_t>(expected.size()));
  CHECK(std::vector<std::string>(first, first + static_cast<std::ptrdiff_t>(expected.size())) ==
        expected);
  const std::vector<LinearModule> modules = linear_modules(base.config, 1);
  REQUIRE(modules.size() == 7);
  CHECK(modules[1].linear == five::qkv);
  CHECK(modules[1].first == 16);
  CHECK(modules[1].in_layer == "attn.kv");
  CHECK(modules[6].linear == five::router);
  CHECK(modules[6].linear_name == "router");
  const std::vector<std::vector<TokenId>> text = {{5, 9}};
  CHECK_THROWS_AS(logits_of(base, text), BugError);  // no forward pass knows such layers
}

TEST_CASE("adapters of any linear have targets, names, files and merges") {
  const Weights base = made_up_model();
  LoraConfig all = config_for({});
  all.targets.all_linear = true;
  CHECK(find_targets(all, base.config, "here").size() == 13);
  CHECK_THAT(all.json(base.config), ContainsSubstring("\"router\""));
  const LoraConfig config = config_for({"gate", "router", "kv"});
  const LoraAdapter adapter = adapter_of(config, base);
  const std::vector<std::string> parameters = {
      "0.qkv.A",    "body.blocks.0.attn.kv.B",   "0.gate.A", "body.blocks.0.mlp.gate.B",
      "1.qkv.A",    "body.blocks.1.attn.kv.B",   "1.gate.A", "body.blocks.1.mlp.gate.B",
      "1.router.A", "body.blocks.1.mlp.router.B"};
  CHECK(names_of(adapter.parameters()) == parameters);
  CHECK(names_of(adapter.named()).back() ==
        "base_model.model.body.blocks.1.mlp.router.lora_B.weight");
  CHECK_THAT(input_error([&] { find_targets(config_for({"c_fc"}), base.config, "here", true); }),
             ContainsSubstring("body.blocks.0.mlp.up, body.blocks.0.mlp.down"));

  const TemporaryFolder folder;
  adapter.save(folder.path());
  const LoraAdapter again = LoraAdapter::load(folder.path(), base);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    CHECK(torch::equal(again.parameters()[i].second, adapter.parameters()[i].second));

  Weights merged = base.clone(torch::kFloat32);
  adapter.merge(merged);
  const LoraSlot& slot = adapter.slots().back();
  const torch::Tensor moved =
      merged.layers[1].linears[five::router].weight - base.layers[1].linears[five::router].weight;
  CHECK(torch::allclose(moved, 2 * slot.parts.front().B.mm(slot.A), 1e-4, 1e-5));
  CHECK(torch::equal(merged.layers[1].linears[five::up].weight,
                     base.layers[1].linears[five::up].weight));
}

TEST_CASE("a hook adds to the linear it was made for, in the layers that have it") {
  torch::NoGradGuard no_grad;
  const Weights base = made_up_model();
  const LoraAdapter adapter = adapter_of(config_for({"gate", "router"}), base);
  const Weights adapted = with_adapters(base, {&adapter, 1});
  const torch::Tensor x = torch::randn({4, 16}), y = torch::randn({4, 24}),
                      routes = torch::randn({4, 3});
  CHECK(adapted.adapter->apply(0, five::up, x, y).is_same(y));
  CHECK(adapted.adapter->apply(0, five::router, x, routes).is_same(routes));
  const LoraSlot& slot = adapter.slots().back();
  REQUIRE(slot.linear == five::router);
  const torch::Tensor expected = routes + 2 * x.mm(slot.A.t()).mm(slot.parts.front().B.t());
  CHECK(torch::allclose(adapted.adapter->apply(1, five::router, x, routes.clone()), expected, 1e-4,
                        1e-5));
}

TEST_CASE("PEFT's names are read as they are written") {
  for (const char factor : {'A', 'B'}) {
    const LoraTensor tensor{"model.layers.3.self_attn.q_proj", factor};
    const std::optional<LoraTensor> read = LoraTensor::parse(tensor.name());
    REQUIRE(read.has_value());
    CHECK(read->module == tensor.module);
    CHECK(read->factor == factor);
  }
  for (const char* name : {"base_model.model.model.layers.3.mlp.down_proj.base_layer.bias",
                           "model.layers.3.self_attn.q_proj.lora_A.weight",
                           "base_model.model.model.layers.3.self_attn.q_proj.lora_C.weight"})
    CHECK_FALSE(LoraTensor::parse(name).has_value());
  CHECK(early_bias_tensor(bias_tensor("mlp.up", true)) == bias_tensor("mlp.up", false));
  CHECK_FALSE(early_bias_tensor(bias_tensor("mlp.up", false)).has_value());
}

TEST_CASE("a table of changes has a column for a matrix that later layers alone have") {
  torch::NoGradGuard no_grad;
  const Weights base = made_up_model();
  const Matrices matrices = Matrices::of({&base.config, 1});
  CHECK(matrices.modules.size() == 7);
  CHECK(matrices.modules.back() == "mlp.router");
  const WeightChange ones = [](const LinearModule& module) {
    return torch::ones({module.rows, module.inputs});
  };
  const ChangeTable table = tabulate(base.config, matrices, ones);
  REQUIRE(table.norm.size() == 14);
  CHECK(std::isnan(table.norm[6]));
  CHECK(table.norm[13] == Approx(std::sqrt(3.0 * 16)));
}
