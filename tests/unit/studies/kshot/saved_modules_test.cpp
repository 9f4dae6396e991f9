// An adapter in the bank that saves a whole module (modules_to_save): it is tested and asked as it is,
// and not mixed.
#include <algorithm>

#include "catch.hpp"
#include "decks.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "study_sweep.hpp"
#include "task_records.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// An adapter for the model, with a head of its own.
void write_saved_adapter(const std::filesystem::path& model, const std::filesystem::path& directory) {
  const Weights base = Weights::load(model, torch::kFloat32, torch::kCPU);
  LoraConfig config{.rank = 2, .alpha = 2};
  config.targets.names = {"q_proj", "v_proj"};
  NamedTensors tensors = LoraAdapter::create(config, base, 7, "x").named();
  torch::manual_seed(3);
  tensors.emplace_back("base_model.model.lm_head.weight", torch::randn_like(base.embedding));
  config.saved = {"lm_head"};
  LoraAdapter::of(config, tensors, base, "x", "x").save(directory);
}

/// The adapter with a head of its own is the bank's first.
std::string write_saved_inputs(const TemporaryFolder& folder) {
  const std::string model = write_tiny_model(folder / "model").string();
  for (const char* name : {"one", "b1"})
    write_file(folder / (std::string(name) + ".json"), task_records(name, 12).dump());
  write_file(folder / "test.json", task_records("test", 3).dump());
  write_file(folder / "open.json", task_records("open", 10).dump());
  write_saved_adapter(model, folder / "peft");
  const nlohmann::json sets = {
      {"tasks",
       {{{"name", "one"}, {"train", "one.json"}, {"test", "test.json"}, {"pool", "open"}}}},
      {"pools", {{"open", {"open.json"}}}},
      {"bank",
       {{{"name", "mine"}, {"adapter", "peft"}},
        {{"name", "one"}, {"task", "one"}},
        {{"name", "b1"}, {"train", "b1.json"}}}}};
  write_file(folder / "sets.json", sets.dump());
  return quick_deck(folder.path(), model, "", "experts = 2\ntop_k = 2\ndraw = 1\n");
}

struct SavedSweep : StudySweep {
  explicit SavedSweep(const std::vector<std::string>& overrides)
      : StudySweep(kshot::make_study(), write_saved_inputs, overrides) {}
  std::filesystem::path file(const std::string& name) const { return folder_ / name; }
};

std::string saved_error(const std::vector<std::string>& overrides) {
  const TemporaryFolder folder;
  const std::string deck = write_saved_inputs(folder);
  return input_error([&] { expand_deck(kshot::make_study(), deck, overrides); });
}

}  // namespace

TEST_CASE("kshot: an adapter with a saved module is tested with it, and no mixture takes it", "[kshot]") {
  const SavedSweep sweep(
      {"--grid.method=base, expert_lora, source_best, ours, random, uniform, lorahub, phatgoose"});
  const auto& notes = sweep.plan.notes;
  CHECK(std::count_if(notes.begin(), notes.end(), [](const std::string& note) {
          return note.find("bank 'mine': it saves whole modules (modules_to_save: lm_head)") != note.npos;
        }) == 1);
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  for (const char* method : {"ours", "random", "uniform", "lorahub", "phatgoose"}) {
    INFO(method);
    for (std::size_t i = 0; i < sweep.plan.stages.size(); ++i) {
      if (sweep.plan.stages[i].kind == "select")
        CHECK(values<std::int32_t>(bench, i, "/selection/adapter") == std::vector<std::int32_t>{1, 2});
    }
  }
  const std::size_t brought = sweep.first("adapter");
  const SafetensorsReader file(sweep.file("peft/adapter_model.safetensors"));
  const std::string head = "base_model.model.lm_head.weight";
  CHECK((bench.output(brought, "mine/" + head).bytes == to_array(file.view(head), DType::float32).bytes));
  CHECK(dataset(sweep.plan, "/bank/mine/" + head).shape.size() == 2);
  // another head on the shots, other perplexities than with the base's
  std::vector<std::vector<float>> perplexities;
  for (std::size_t i = 0; i < sweep.plan.stages.size(); ++i) {
    if (sweep.plan.stages[i].kind == "signals")
      perplexities.push_back(values<float>(bench, i, "/signals/reasoning_perplexity"));
  }
  REQUIRE(perplexities.size() == 3);
  for (const float perplexity : perplexities[0]) CHECK(perplexity > 2 * perplexities[1][0]);
}

TEST_CASE("kshot: where an adapter with a saved module would be mixed, that is said", "[kshot]") {
  CHECK_THAT(saved_error({"--grid.method=ours", "--grid.experts=3"}),
             ContainsSubstring("the bank has 2 adapters that can be mixed"));
  // of equally good ones the first is the best, and the model answers nothing
  for (const std::string method : {"source_best_sft", "upcycling"}) {
    const SavedSweep sweep({"--grid.method=" + method});
    CHECK_THAT(input_error([&] { sweep.run(); }),
               ContainsSubstring("the best adapter, 'mine', saves whole modules") &&
                   ContainsSubstring(method) && ContainsSubstring("source_best"));
  }
}

TEST_CASE("kshot: a bank of nothing but adapters with saved modules can be asked", "[kshot]") {
  const TemporaryFolder folder;
  const std::string deck = write_saved_inputs(folder);
  nlohmann::json sets = nlohmann::json::parse(read_file(folder / "sets.json"));
  sets["bank"].erase(2);
  sets["bank"].erase(1);
  write_file(folder / "sets.json", sets.dump());
  const auto error = [&](const std::string& methods) {
    return input_error(
        [&] { expand_deck(kshot::make_study(), deck, {"--grid.method=" + methods, "--grid.experts=1", "--grid.top_k=1"}); });
  };
  CHECK(error("base, source_best, lora") == "");
  CHECK_THAT(error("source_best_sft"),
             ContainsSubstring("every adapter of the bank saves whole modules") &&
                 ContainsSubstring("Use source_best"));
  CHECK_THAT(error("uniform"), ContainsSubstring("0 adapters that can be mixed"));
}
