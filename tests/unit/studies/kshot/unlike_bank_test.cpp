// A bank whose adapters differ in rank, scale and modules, in memory: every method runs, and what is
// kept is what the adapters are.
#include <cmath>
#include <map>
#include <set>

#include "catch.hpp"
#include "decks.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/moe/moe.hpp"
#include "factsweep/selection/lorahub.hpp"
#include "study_sweep.hpp"
#include "task_records.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

LoraConfig brought_config() {
  LoraConfig config{.rank = 3, .alpha = 5, .rslora = true};
  config.targets.names = {"q_proj", "down_proj"};
  return config;
}

/// Two adapters of rank 2 and scale 1 on q_proj and v_proj are trained, and one is brought: of rank
/// 3 and scale 5 / sqrt(3) on q_proj and down_proj.
std::string write_unlike_inputs(const TemporaryFolder& folder) {
  const std::string model = write_tiny_model(folder / "model").string();
  for (const char* name : {"one", "b1", "b2"})
    write_file(folder / (std::string(name) + ".json"), task_records(name, 12).dump());
  write_file(folder / "test.json", task_records("test", 3).dump());
  write_file(folder / "open.json", task_records("open", 10).dump());
  const LoraAdapter mine =
      LoraAdapter::create(brought_config(), Weights::load(model, torch::kFloat32, torch::kCPU), 7, "x");
  torch::manual_seed(3);
  for (const auto& [name, tensor] : mine.named()) tensor.normal_(0, 0.05);
  mine.save(folder / "peft/default");
  const nlohmann::json sets = {
      {"tasks",
       {{{"name", "one"}, {"train", "one.json"}, {"test", "test.json"}, {"pool", "open"}}}},
      {"pools", {{"open", {"open.json"}}}},
      {"bank",
       {{{"name", "one"}, {"task", "one"}},
        {{"name", "b1"}, {"train", "b1.json"}},
        {{"name", "mine"}, {"adapter", "peft"}, {"train", "b2.json"}}}}};
  write_file(folder / "sets.json", sets.dump());
  return quick_deck(folder.path(), model, "", "experts = 3\ntop_k = 2\ndraw = 1\n");
}

struct UnlikeSweep : StudySweep {
  UnlikeSweep() : StudySweep(kshot::make_study(), write_unlike_inputs, {}) {}

  Weights base() const { return Weights::load(folder_ / "model", torch::kFloat32, torch::kCPU); }
};

/// What the file would hold of the stage's outputs that begin so, without the beginning.
NamedTensors stored(const UnlikeSweep& sweep, const MemoryWorkbench& bench, std::size_t stage,
                    const std::string& begin, bool has_row) {
  NamedTensors tensors;
  for (const Output& output : sweep.plan.stages[stage].outputs) {
    if (!output.name.text().starts_with(begin) || output.places.empty() ||
        output.places[0].file != File::weights)
      continue;
    const auto& count = output.places[0].count;
    const std::vector<std::int64_t> shape(count.begin() + (has_row ? 1 : 0), count.end());
    tensors.emplace_back(output.name.text().substr(begin.size()),
                         to_tensor(bench.output(stage, output.name), shape));
  }
  return tensors;
}

}  // namespace

TEST_CASE("kshot: every method works with a bank of unlike adapters", "[kshot]") {
  const UnlikeSweep sweep;
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  const Weights base = sweep.base();

  std::vector<LoraAdapter> bank;
  std::vector<LoraConfig> configs;
  LoraConfig trained{.rank = 2, .alpha = 2};
  trained.targets.names = {"q_proj", "v_proj"};
  for (const std::string name : {"one", "b1", "mine"}) {
    for (std::size_t i = 0; i < sweep.plan.stages.size(); ++i) {
      const NamedTensors tensors = stored(sweep, bench, i, name + "/", /*has_row=*/false);
      if (tensors.empty()) continue;
      configs.push_back(name == "mine" ? brought_config() : trained);
      bank.push_back(LoraAdapter::of(configs.back(), tensors, base, name, name));
    }
  }
  REQUIRE(bank.size() == 3);

  // a mixture of all three, as they are
  const auto mixture = [&](const std::string& method) {
    const std::size_t leaf = sweep.leaf(method);
    const std::string json = bench.output(leaf, "about/mixture_config").as_text().at(0);
    return MoeAdapter::of(json,
                          mixture_tensors(json, stored(sweep, bench, leaf, "final/", true), method),
                          base, method, method);
  };
  const MoeAdapter arrow = mixture("arrow");
  CHECK(arrow.names() == std::vector<std::string>{"one", "b1", "mine"});
  std::vector<MoeExpert> experts;
  for (std::size_t i = 0; i < bank.size(); ++i) experts.push_back({arrow.names()[i], bank[i]});
  const MoeAdapter expected =
      MoeAdapter::create(experts, base, {.routing = Routing::arrow, .top_k = 2});
  CHECK(arrow.json() == expected.json());
  const NamedTensors found = arrow.named(), right = expected.named();
  REQUIRE(found.size() == right.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(torch::equal(found[i].second, right[i].second));
  const auto modules = nlohmann::json::parse(arrow.json()).at("modules");
  for (const auto& [module, about] : modules.items()) {
    INFO(module);
    using Ranks = std::vector<std::int64_t>;
    CHECK(about.at("ranks").get<Ranks>() == (module.ends_with("q_proj")   ? Ranks{2, 2, 3}
                                             : module.ends_with("v_proj") ? Ranks{2, 2, 0}
                                                                          : Ranks{0, 0, 3}));
  }
  for (const char* method : {"ours", "random", "phatgoose", "arrow_trained", "upcycling", "smear"})
    CHECK_FALSE(mixture(method).modules().empty());

  // shares: of a module that an expert adapts they add up to 1, of fresh experts' others there are none
  const auto rows = [&](const std::string& method) {
    const auto share = values<float>(bench, sweep.leaf(method), "/moe/share");
    std::map<std::string, double> sums;
    const auto names = dataset(sweep.plan, "/moe/module").content.as_text();
    for (std::size_t m = 0; m < names.size(); ++m) {
      for (std::size_t x = 0; x < 3; ++x) sums[names[m]] += static_cast<double>(share[3 * m + x]);
    }
    return sums;
  };
  for (const auto& [module, sum] : rows("ours")) CHECK(sum == Approx(1));
  for (const auto& [module, sum] : rows("fresh_experts")) {
    INFO(module);
    CHECK(std::isnan(sum) == module.ends_with("down_proj"));
  }

  // LoRAHub's sum of all three
  const std::size_t leaf = sweep.leaf("lorahub");
  const LoraConfig form = common_form(configs, base.config);
  std::vector<LoraAdapter> alike;
  for (const LoraAdapter& adapter : bank) alike.push_back(adapter.in_form(form));
  const LoraAdapter sum = weighted_sum(alike, values<double>(bench, leaf, "/selection/weight"));
  const NamedTensors kept = stored(sweep, bench, leaf, "final/", true), whole = sum.named();
  REQUIRE(kept.size() == whole.size());
  const std::map<std::string, torch::Tensor> by_name(kept.begin(), kept.end());
  for (const auto& [name, tensor] : whole) {
    INFO(name);
    CHECK(torch::equal(by_name.at(name), tensor));
  }
  // its place says in which form it is
  const auto said = [&](const std::string& group) {
    return LoraConfig::parse(
        dataset(sweep.plan, "/deltas/" + group + "/about/adapter_config").content.as_text().at(0), "kept");
  };
  CHECK_NOTHROW(LoraAdapter::of(said("lora_2"), kept, base, "kept", "kept"));

  // the sum of all three with equal weights is one adapter, and the model is what they make together
  const std::size_t average = sweep.leaf("uniform");
  const LoraAdapter uniform =
      LoraAdapter::of(said("lora_3"), stored(sweep, bench, average, "final/", true), base, "kept", "kept");
  Weights merged = base.clone(torch::kFloat32), in_turn = base.clone(torch::kFloat32);
  uniform.merge(merged);
  for (const LoraAdapter& adapter : bank) {
    const LoraAdapter third = adapter.clone(torch::kFloat32);
    for (const auto& [name, tensor] : third.named()) {
      if (name.find("lora_B") != std::string::npos) tensor.div_(3);
    }
    third.merge(in_turn);
  }
  const auto is = merged.named(), should = in_turn.named(), was = base.named();
  double moved = 0;
  for (std::size_t i = 0; i < is.size(); ++i) {
    CHECK((is[i].second - should[i].second).abs().max().item<double>() < 1e-6);
    moved = std::max(moved, (is[i].second - was[i].second).abs().max().item<double>());
  }
  CHECK(moved > 1e-4);
}
