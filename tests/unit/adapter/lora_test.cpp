// Adapters against PEFT's logits (tests/parity/make_peft_references.py), merged, saved, added up,
// and damaged.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "catch.hpp"
#include "factsweep/model/decoding.hpp"
#include "factsweep/model/transformer.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kTolerance = 5e-6;  // of the largest logit

struct Case {
  Case(const std::string& adapter_name, const std::string& family)
      : name(adapter_name),
        weights(family_weights(family)),
        adapter(LoraAdapter::load(adapter_data(name), weights)),
        reference(adapter_data(name) / "reference.safetensors") {}
  torch::Tensor logits(const std::vector<LoraAdapter>& adapters) const {
    return logits_of(with_adapters(weights, adapters), reference.sequences);
  }
  torch::Tensor expected() const { return reference.reader.view("logits"); }

  std::string name;
  Weights weights;
  LoraAdapter adapter;
  Reference reference;
};

template <typename Visit>
void for_each_case(Visit visit) {
  for (const auto& [name, family] : peft_adapters()) {
    INFO(name);
    visit(Case(name, family));
  }
}

std::vector<torch::Tensor> values(const Weights& weights) {
  std::vector<torch::Tensor> list;
  for (const torch::Tensor& tensor : weights.parameters()) list.push_back(tensor.clone());
  return list;
}

bool holds(const Weights& weights, const std::vector<torch::Tensor>& expected) {
  const std::vector<torch::Tensor> now = weights.parameters();
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (!torch::equal(now[i], expected[i])) return false;
  }
  return now.size() == expected.size();
}

LoraConfig all_linear(std::int64_t rank) {
  LoraConfig config;
  config.rank = rank;
  config.targets.all_linear = true;
  return config;
}

/// B drawn, as a fresh adapter adds nothing.
LoraAdapter random_adapter(const LoraConfig& config, const Weights& base, std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  LoraAdapter adapter = LoraAdapter::create(config, base, seed, "test");
  torch::manual_seed(seed);
  for (const auto& [name, tensor] : adapter.named()) {
    if (name.find("lora_B") != std::string::npos) tensor.normal_(0, 0.2);
  }
  return adapter;
}

}  // namespace

TEST_CASE("logits with an adapter are PEFT's, with and without gradients") {
  for_each_case([](const Case& one) {
    {
      torch::NoGradGuard no_grad;
      CHECK(relative_distance(one.logits({one.adapter}), one.expected()) < kTolerance);
      CHECK(relative_distance(one.logits({}), one.expected()) > 0.05);
    }
    CHECK(relative_distance(one.logits({one.adapter}).detach(), one.expected()) < kTolerance);
  });
}

TEST_CASE("a merged model is the adapted one") {
  torch::NoGradGuard no_grad;
  for_each_case([](const Case& one) {
    Weights weights = one.weights.clone(torch::kFloat32);
    one.adapter.merge(weights);
    CHECK(relative_distance(logits_of(weights, one.reference.sequences), one.expected()) <
          kTolerance);
    // bfloat16: added in float32, rounded once
    Weights narrow = one.weights.clone(torch::kBFloat16), wide = narrow.clone(torch::kFloat32);
    one.adapter.merge(narrow);
    one.adapter.merge(wide);
    CHECK(holds(narrow, values(wide.clone(torch::kBFloat16))));
  });
}

TEST_CASE("what is saved is what PEFT saved, tensor by tensor") {
  for_each_case([](const Case& one) {
    const TemporaryFolder folder;
    one.adapter.save(folder / "copy");
    const SafetensorsReader mine(folder / "copy/adapter_model.safetensors");
    const SafetensorsReader theirs(adapter_data(one.name) / "adapter_model.safetensors");
    CHECK(mine.names() == theirs.names());
    CHECK(mine.metadata() == theirs.metadata());
    for (const std::string& name : theirs.names())
      CHECK(torch::equal(mine.view(name), theirs.view(name)));
    const LoraAdapter again = LoraAdapter::load(folder / "copy", one.weights);
    torch::NoGradGuard no_grad;
    CHECK(torch::equal(one.logits({again}), one.logits({one.adapter})));
    const auto shapes = adapter_shapes(one.adapter.config(), one.weights.config, "test");
    const NamedTensors named = one.adapter.named();
    REQUIRE(shapes.size() == named.size());
    for (std::size_t i = 0; i < named.size(); ++i)
      CHECK(shapes[i] == std::pair{named[i].first, named[i].second.sizes().vec()});
  });
}

TEST_CASE("several adapters add up, in any order and also over shared storage") {
  for (const char* family : {"llama", "gpt2", "gpt_neox", "gemma2"}) {
    INFO(family);
    const Weights base = family_weights(family);
    LoraConfig other = all_linear(3);
    other.rslora = true;
    const LoraAdapter a = random_adapter(all_linear(4), base, 1),
                      b = random_adapter(other, base, 2);
    const std::vector<LoraAdapter> both = {a, b}, reversed = {b, a};
    Weights merged = base.clone(torch::kFloat32);
    a.merge(merged);
    b.merge(merged);
    const std::vector<std::vector<TokenId>> text = {{5, 17, 40, 9, 33}, {8, 61, 7}};
    const torch::Tensor expected = logits_of(merged, text).detach();
    const bool gradients = GENERATE(true, false);
    const torch::AutoGradMode mode(gradients);
    CHECK(relative_distance(logits_of(with_adapters(base, both), text), expected) < 5e-6);
    CHECK(relative_distance(logits_of(with_adapters(base, reversed), text), expected) < 5e-6);
  }
  const Case one("gpt2", "gpt2");
  const std::vector<LoraAdapter> twice = {one.adapter, one.adapter};
  CHECK_THAT(input_error([&] { with_adapters(one.weights, twice); }), ContainsSubstring("biases"));
}

TEST_CASE("decoding with cached keys and values uses the adapter everywhere") {
  torch::NoGradGuard no_grad;
  const Case one("llama-patterns", "llama");
  const std::vector<LoraAdapter> adapters = {one.adapter};
  Model adapted = {with_adapters(one.weights, adapters), std::make_shared<PieceTokenizer>(96), {}};
  Weights weights = one.weights.clone(torch::kFloat32);
  one.adapter.merge(weights);
  const Model merged = adapted.with(weights), plain = adapted.with(one.weights);
  std::vector<DecodeRequest> requests;
  for (const auto& sequence : one.reference.sequences)
    requests.push_back({{sequence.begin(), sequence.begin() + 8}, true, 2, 5});
  const auto ids = [&](const Model& model) {
    std::vector<std::vector<TokenId>> list;
    for (const auto& answers :
         decode(model, requests, {.max_new_tokens = 12, .stop_at_newline = false}, nullptr,
                [](std::int64_t) {})) {
      for (const Decoded& answer : answers) list.push_back(answer.ids);
    }
    return list;
  };
  CHECK(ids(adapted) == ids(merged));
  CHECK(ids(adapted) != ids(plain));
}

TEST_CASE("a new adapter adds nothing, and its A depends on seed and module alone") {
  const Weights base = family_weights("llama");
  const std::vector<LoraAdapter> fresh = {LoraAdapter::create(all_linear(4), base, 7, "test")};
  torch::NoGradGuard no_grad;
  const std::vector<std::vector<TokenId>> text = {{5, 17, 40, 9, 33}};
  CHECK(torch::equal(logits_of(with_adapters(base, fresh), text), logits_of(base, text)));
  LoraConfig one_module;
  one_module.rank = 4;
  one_module.targets.names = {"model.layers.1.mlp.down_proj"};
  const NamedTensors alone = LoraAdapter::create(one_module, base, 7, "test").named();
  REQUIRE(alone.size() == 2);
  double largest = 0, mean = 0;
  for (const auto& [name, tensor] : fresh[0].named()) {
    if (name == alone[0].first) CHECK(torch::equal(tensor, alone[0].second));
    if (name.find("lora_B") != std::string::npos) CHECK(tensor.abs().max().item<double>() == 0);
  }
  const torch::Tensor A = alone[0].second;  // in = 40
  largest = A.abs().max().item<double>();
  mean = A.abs().mean().item<double>();
  CHECK(largest <= 1 / std::sqrt(40.0));
  CHECK(mean == Approx(0.5 / std::sqrt(40.0)).epsilon(0.15));
  const NamedTensors other = LoraAdapter::create(one_module, base, 8, "test").named();
  CHECK_FALSE(torch::equal(other[0].second, A));
}

TEST_CASE("a linear without adapter gets its output back, the frozen base is shared") {
  const Weights base = family_weights("llama");
  LoraConfig config;
  config.targets.names = {"v_proj"};
  const std::vector<LoraAdapter> adapters = {random_adapter(config, base, 1)};
  const Weights adapted = with_adapters(base, adapters);
  CHECK(adapted.layers[0].linears[dense::qkv].weight.is_alias_of(
      base.layers[0].linears[dense::qkv].weight));
  const torch::Tensor x = placed(torch::randn({3, 32})), y = placed(torch::randn({3, 80}));
  CHECK(adapted.adapter->apply(0, dense::up, x, y).is_same(y));
  torch::NoGradGuard no_grad;
  const torch::Tensor qkv =
      placed(torch::randn({3, base.layers[0].linears[dense::qkv].weight.size(0)}));
  const torch::Tensor before = qkv.clone();
  const torch::Tensor after = adapted.adapter->apply(0, dense::qkv, x, qkv);
  CHECK(after.is_same(qkv));  // in place
  const LinearModule v = linear_modules(base.config, 0)[2];
  REQUIRE(v.in_layer == "self_attn.v_proj");
  CHECK(torch::equal(after.slice(1, 0, v.first), before.slice(1, 0, v.first)));
  CHECK_FALSE(torch::equal(after.slice(1, v.first), before.slice(1, v.first)));
}

TEST_CASE("a damaged adapter, or one of another base, is told with file and tensor") {
  const TemporaryFolder folder;
  const Case one("llama", "llama");
  const auto save = [&](const NamedTensors& tensors) {
    one.adapter.save(folder.path());
    write_safetensors(folder / "adapter_model.safetensors", tensors, {});
  };
  const auto error = [&](const Weights& base) {
    return input_error([&] { LoraAdapter::load(folder.path(), base); });
  };
  const NamedTensors good = one.adapter.named();
  NamedTensors tensors = good;
  tensors.pop_back();
  save(tensors);
  CHECK_THAT(error(one.weights), ContainsSubstring("adapter_model.safetensors") &&
                                     ContainsSubstring(good.back().first) &&
                                     ContainsSubstring("missing"));
  tensors = good;
  tensors.emplace_back("base_model.model.model.layers.9.mlp.up_proj.lora_A.weight",
                       torch::zeros({4, 32}));
  save(tensors);
  CHECK_THAT(error(one.weights),
             ContainsSubstring("layers.9.mlp.up_proj") && ContainsSubstring("1 such tensors"));
  tensors = good;
  tensors[0].second = torch::zeros({5, 32});
  save(tensors);
  CHECK_THAT(error(one.weights),
             ContainsSubstring(good[0].first) &&
                 ContainsSubstring("Its rank is 5, and adapter_config.json says 4 there"));
  for (const double value : {std::nan(""), -std::numeric_limits<double>::infinity()}) {
    tensors = good;
    tensors[1].second = good[1].second.clone();
    tensors[1].second[0][0] = value;
    save(tensors);
    CHECK_THAT(error(one.weights), ContainsSubstring("adapter_model.safetensors") &&
                                       ContainsSubstring(good[1].first) &&
                                       ContainsSubstring("holds nan or infinity"));
  }
  save(good);
  LoraConfig config = one.adapter.config();
  config.saved = {"norm"};
  write_file(folder / "adapter_config.json", config.json(one.weights.config));
  CHECK_THAT(error(one.weights), ContainsSubstring("adapter_config.json: modules_to_save: '"));
  write_file(folder / "adapter_config.json", "{\n \"r\": }");
  CHECK_THAT(error(one.weights), ContainsSubstring("adapter_config.json:2:") &&
                                     ContainsSubstring("not valid JSON") &&
                                     !ContainsSubstring("json.exception"));
  write_file(folder / "adapter_config.json", "{\"r\": 1e999}");  // as every other JSON file is told
  CHECK_THAT(error(one.weights), ContainsSubstring("adapter_config.json: not usable JSON: "));
  std::filesystem::create_directories(folder / "a/deep");
  std::filesystem::rename(folder / "adapter_config.json", folder / "a/adapter_config.json");
  CHECK_THAT(error(one.weights), ContainsSubstring("has no adapter_config.json, nor has its folder "
                                                   "default/") &&
                                     ContainsSubstring("Folders in it that are: a."));
  CHECK_THAT(input_error([&] { LoraAdapter::load(folder / "none", one.weights); }),
             ContainsSubstring("is no folder"));
  save(good);
  CHECK(error(one.weights) == "");
  const Weights wide = Weights::random(ModelConfig::llama(96, 48, 2, 4, 2, 40, 64), 1);
  CHECK_THAT(error(wide),
             ContainsSubstring("adapter_model.safetensors") && ContainsSubstring("lora_A"));
  CHECK_THAT(error(family_weights("gpt2")),
             ContainsSubstring("adapter_config.json") && ContainsSubstring("c_attn"));
  std::filesystem::remove(folder / "adapter_model.safetensors");
  CHECK_THAT(error(one.weights), ContainsSubstring("adapter_model.safetensors"));
  write_file(folder / "adapter_model.bin", "x");
  CHECK_THAT(error(one.weights), ContainsSubstring("adapter_model.bin"));
}

TEST_CASE("biases of adapters saved before PEFT wrapped the base layer are read") {
  const TemporaryFolder folder;
  const Case one("qwen2", "qwen2");
  NamedTensors tensors = one.adapter.named();
  int renamed = 0;
  for (auto& [name, tensor] : tensors) {
    const std::size_t at = name.find(".base_layer");
    if (at == std::string::npos) continue;
    name.erase(at, std::string(".base_layer").size());
    ++renamed;
  }
  CHECK(renamed == 4);
  one.adapter.save(folder.path());
  write_safetensors(folder / "adapter_model.safetensors", tensors, {});
  torch::NoGradGuard no_grad;
  CHECK(torch::equal(one.logits({LoraAdapter::load(folder.path(), one.weights)}),
                     one.logits({one.adapter})));
}
