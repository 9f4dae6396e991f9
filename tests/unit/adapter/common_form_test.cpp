// Adapters of different ranks, scales and targets in one form: the update stays what it was.
#include <cmath>
#include <map>

#include "catch.hpp"
#include "factsweep/adapter/lora.hpp"
#include "tiny_adapter.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

LoraConfig form_of(std::int64_t rank, double alpha, bool rslora,
                   const std::vector<std::string>& targets) {
  LoraConfig config{.rank = rank, .alpha = alpha, .rslora = rslora};
  config.targets.names = targets;
  return config;
}

/// All values random.
LoraAdapter random_of(const LoraConfig& config, const Weights& base, std::uint64_t seed) {
  const LoraAdapter adapter = LoraAdapter::create(config, base, seed, "test");
  torch::manual_seed(seed);
  for (const auto& [name, tensor] : adapter.named()) tensor.normal_(0, 0.2);
  return adapter;
}

/// Ranks 2, 5 and 3, scales 1.5, 6 / sqrt(5) and 1 / 3; the first lacks v_proj, the last q_proj and
/// down_proj.
std::vector<LoraAdapter> unlike_adapters(const Weights& base) {
  return {random_of(form_of(2, 3, false, {"q_proj", "down_proj"}), base, 1),
          random_of(form_of(5, 6, true, {"q_proj", "v_proj", "down_proj"}), base, 2),
          random_of(form_of(3, 1, false, {"v_proj"}), base, 3)};
}

std::vector<LoraConfig> configs_of(const std::vector<LoraAdapter>& adapters) {
  std::vector<LoraConfig> configs;
  for (const LoraAdapter& adapter : adapters) configs.push_back(adapter.config());
  return configs;
}

using Updates = std::map<std::string, torch::Tensor>;  // by module, in float64

/// scale B A of the adapter's tensors by name, `scales` by the ends of modules' names.
Updates updates_of(const LoraAdapter& adapter, double scale) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : adapter.named())
    tensors[name] = tensor.to(torch::kFloat64).cpu();
  Updates updates;
  for (const auto& [name, A] : tensors) {
    const std::size_t at = name.find(".lora_A");
    if (at == std::string::npos) continue;
    const std::string module = name.substr(0, at);
    updates[module] = scale * tensors.at(module + ".lora_B.weight").mm(A);
  }
  return updates;
}

}  // namespace

TEST_CASE("a common form has every module, the largest ranks and the first scales") {
  const Weights base = family_weights("llama");
  const std::vector<LoraAdapter> adapters = unlike_adapters(base);
  const LoraConfig form = common_form(configs_of(adapters), base.config);
  std::map<std::string, std::pair<std::int64_t, double>> found;
  for (const LoraTarget& target : find_targets(form, base.config, "test", true))
    found[target.module.name] = {target.rank, target.scale};
  REQUIRE(found.size() == 3 * static_cast<std::size_t>(base.config.layers));
  for (const auto& [module, rank_and_scale] : found) {
    INFO(module);
    const auto& [rank, scale] = rank_and_scale;
    CHECK(rank == 5);
    CHECK(scale == Approx(module.ends_with("v_proj") ? 6 / std::sqrt(5.0) : 1.5).epsilon(1e-12));
  }
  // what it says of itself is read as it was meant
  const LoraConfig back = LoraConfig::parse(form.json(base.config), "test");
  const auto again = find_targets(back, base.config, "test");
  REQUIRE(again.size() == found.size());
  for (const LoraTarget& target : again) {
    CHECK(target.rank == 5);
    CHECK(target.scale == Approx(found.at(target.module.name).second).epsilon(1e-12));
  }
  // alike in ranks, scales and modules: as the first one says it
  LoraConfig other = adapters[0].config();
  other.alpha = 9;
  other.alpha_pattern = {{".*_proj", 3}};
  other.dropout = 0.1;
  other.targets.names = {"self_attn.q_proj", "mlp.down_proj"};
  CHECK(common_form(std::vector{adapters[0].config(), other}, base.config).json(base.config) ==
        adapters[0].config().json(base.config));
}

TEST_CASE("an adapter in a common form is the same update, and in its own the same bits") {
  const Weights base = family_weights("llama");
  const std::vector<LoraAdapter> adapters = unlike_adapters(base);
  const double scales[] = {1.5, 6 / std::sqrt(5.0), 1.0 / 3};
  const LoraConfig form = common_form(configs_of(adapters), base.config);
  Updates sum;  // of the three, each with its own scale
  std::vector<LoraAdapter> alike;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    alike.push_back(adapters[i].in_form(form));
    CHECK(alike.back().named().size() == 2 * 3 * static_cast<std::size_t>(base.config.layers));
    for (const auto& [module, update] : updates_of(adapters[i], scales[i])) {
      auto& whole = sum[module];
      whole = whole.defined() ? whole + update : update;
    }
  }
  CHECK(sum.size() == 3 * static_cast<std::size_t>(base.config.layers));
  const std::vector<TokenId> tokens = {3, 17, 5, 29, 11};
  for (const auto& list : {adapters, alike}) {
    Weights merged = base.clone(torch::kFloat32);
    for (const LoraAdapter& adapter : list) adapter.merge(merged);
    std::map<std::string, torch::Tensor> was, is;
    for (const auto& [name, tensor] : base.named()) was[name] = tensor.cpu();
    for (const auto& [name, tensor] : merged.named()) is[name] = tensor.cpu();
    std::size_t changed = 0;
    for (const auto& [name, tensor] : is) {
      const auto of = sum.find("base_model.model." + name.substr(0, name.rfind(".weight")));
      const torch::Tensor moved = (tensor - was.at(name)).to(torch::kFloat64);
      if (of == sum.end()) {
        CHECK(moved.abs().max().item<double>() == 0);
      } else {
        CHECK((moved - of->second).abs().max().item<double>() < 1e-6);
        ++changed;
      }
    }
    CHECK(changed == sum.size());
    // beside the base they do what the merged model does
    const torch::Tensor expected = logits_of(merged, {tokens}).detach();
    CHECK(relative_distance(logits_of(with_adapters(base, list), {tokens}).detach(), expected) <
          1e-5);
  }
  // on top of each other: their sum, each with a weight, in ranks of all of them
  const double weights[] = {0.25, -0.5, 1};
  const LoraAdapter in_one = stacked(alike, weights);
  CHECK(in_one.slots().front().parts.front().rank == 3 * 5);
  const LoraConfig said = LoraConfig::parse(in_one.config().json(base.config), "test");
  const NamedTensors tensors_again = LoraAdapter::of(said, in_one.named(), base, "test", "test").named();
  Weights merged = base.clone(torch::kFloat32), one_by_one = base.clone(torch::kFloat32);
  LoraAdapter::of(said, tensors_again, base, "test", "test").merge(merged);
  for (std::size_t i = 0; i < alike.size(); ++i) {
    const LoraAdapter weighted = alike[i].clone(torch::kFloat32);
    for (const auto& [name, tensor] : weighted.named()) {
      if (name.find("lora_B") != std::string::npos) tensor.mul_(weights[i]);
    }
    weighted.merge(one_by_one);
  }
  CHECK(relative_distance(logits_of(merged, {tokens}).detach(),
                          logits_of(one_by_one, {tokens}).detach()) < 1e-5);

  const LoraAdapter same = adapters[1].in_form(adapters[1].config());
  const NamedTensors one = adapters[1].named(), other = same.named();
  REQUIRE(one.size() == other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].first == other[i].first);
    CHECK(torch::equal(one[i].second, other[i].second));
  }
}

TEST_CASE("an adapter is looked for in default/, and says what it was made for") {
  const TemporaryFolder folder;
  std::filesystem::copy(adapter_data("llama"), folder / "default");
  const Weights base = family_weights("llama");
  CHECK(LoraAdapter::load(folder.path(), base).slots().size() ==
        LoraAdapter::load(adapter_data("llama"), base).slots().size());
  std::filesystem::copy(adapter_data("llama-patterns"), folder.path());
  CHECK(adapter_directory(folder.path()) == folder.path());

  LoraConfig config;
  CHECK(other_base(config, "models/llama").empty());
  config.base_model = "meta/llama";
  for (const char* same : {"models/llama", "llama/", "/a/llama/."})
    CHECK(other_base(config, same).empty());
  CHECK_THAT(other_base(config, "models/mistral"),
             Catch::Matchers::ContainsSubstring("made for meta/llama") &&
                 Catch::Matchers::ContainsSubstring("used on models/mistral"));
}
