// What the methods of K-shot ask of a bank and of a deck.
#include <algorithm>
#include <filesystem>
#include <map>

#include "decks.hpp"
#include "factsweep/core/file.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A deck on the model that the brought adapters adapt, whose own ones have rank 16 and adapt two
/// modules a layer.
std::vector<std::string> on_llama(const std::string& methods) {
  return {"--model.path=" + model_data("families/llama").string(),
          "--lora.targets=q_proj, v_proj", "--grid.method=" + methods};
}

void bring(Decks& decks, const std::string& name, const std::filesystem::path& adapter) {
  decks.sets["bank"].push_back({{"name", name}, {"adapter", adapter.string()}});
}

std::vector<std::string> modules_of(const Plan& plan) {
  return dataset(plan, "/moe/module").content.as_text();
}

}  // namespace

TEST_CASE("kshot: a mixture has the modules of any of its experts") {
  Decks decks;
  decks.sets["bank"] = nlohmann::json::array();
  bring(decks, "mine", adapter_data("llama"));  // down_proj, too
  std::vector<std::string> one = on_llama("uniform");
  one.emplace_back("--grid.experts=1");
  one.emplace_back("--grid.top_k=1");
  CHECK(modules_of(decks.expand(one)) ==
        std::vector<std::string>{
            "model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj",
            "model.layers.0.mlp.down_proj", "model.layers.1.self_attn.q_proj",
            "model.layers.1.self_attn.v_proj", "model.layers.1.mlp.down_proj"});
  std::vector<std::string> fresh = on_llama("fresh_experts");
  // N may be above the bank's size: none of them is of it
  CHECK(decks.expand(fresh).points.size() == 2 * 3);
  fresh[1] = "--lora.targets=o_proj";
  CHECK(modules_of(decks.expand(fresh)).size() == 4 * 2);
}

TEST_CASE("kshot: adapters that users bring") {
  Decks decks;
  bring(decks, "mine", adapter_data("llama"));
  bring(decks, "patterns", adapter_data("llama-patterns"));  // of several ranks and scales
  const std::vector<std::string> llama = on_llama("base, uniform, lorahub, smear, arrow, ours");
  const Plan plan = decks.expand(llama);
  CHECK(kinds(plan).at("adapter") == 2);
  CHECK(kinds(plan).at("bank") == 5);
  CHECK(dataset(plan, "/bank/examples").content.as<std::int64_t>()[5] == -1);
  // each as it is: the deck's rank is 16, the adapter's 4
  const std::string q = "model.model.layers.0.self_attn.q_proj.lora_A.weight",
                    module = "model.layers.0.self_attn.q_proj";
  CHECK(dataset(plan, "/bank/mine/base_model." + q).shape[0] == 4);
  CHECK(dataset(plan, "/bank/one/base_model." + q).shape[0] == 16);
  // what is kept has room for any of them: in a mixture, and in a sum
  CHECK(dataset(plan, "/deltas/mixture/final/" + module + ".experts.2.lora_A.weight").shape[1] ==
        16);
  CHECK(dataset(plan, "/deltas/mixture/final/model.layers.0.mlp.down_proj.experts.0.lora_A.weight")
            .shape[1] >= 4);
  CHECK(dataset(plan, "/deltas/lora/final/base_model." + q).shape[1] == 3 * 16);  // one on the other
  CHECK(dataset(plan, "/deltas/lora_2/final/base_model." + q).shape[1] == 16);

  // it is known by what it holds, wherever it lies, in default/, too
  const TemporaryFolder elsewhere;
  std::filesystem::create_directories(elsewhere / "copy");
  std::filesystem::copy(adapter_data("llama"), elsewhere / "copy/default");
  decks.sets["bank"][5]["adapter"] = (elsewhere / "copy").string();
  CHECK(keys_of(decks.expand(llama)) == keys_of(plan));

  // of another base, by its shapes or by its name
  CHECK_THAT(decks.error({"--grid.method=ours"}),
             ContainsSubstring("copy/default") && ContainsSubstring("another model"));
  const std::filesystem::path said = elsewhere / "copy/default/adapter_config.json";
  nlohmann::json config = nlohmann::json::parse(read_file(said));
  config["base_model_name_or_path"] = "meta/other";
  write_file(said, config.dump());
  const std::vector<std::string> notes = decks.expand(llama).notes;
  CHECK(std::count_if(notes.begin(), notes.end(), [](const std::string& note) {
          return note.find("bank 'mine': the adapter was made for meta/other") != note.npos;
        }) == 1);
  CHECK_THAT(decks.error({"--grid.method=ours"}), ContainsSubstring("made for meta/other"));
}

TEST_CASE("kshot: base and lora need no bank, no pool, no encoder, and no place for inputs") {
  Decks decks;
  decks.sets.erase("bank");
  decks.sets.erase("pools");
  for (auto& task : decks.sets["tasks"]) task.erase("pool");
  const std::vector<std::string> both = {"--grid.method=base, lora", "--grid.budget=1000",
                                         "--augment.encoder=", "--kshot.template=Q: {instruction}"};
  const Plan plan = decks.expand(both);
  CHECK(kinds(plan) == std::map<std::string, int>{{"test", 2}, {"tune", 2 * 3}});
  for (const DatasetSpec& spec : plan.datasets) {
    INFO(spec.path);
    CHECK(std::count(spec.shape.begin(), spec.shape.end(), 0U) == 0);
    CHECK_FALSE(spec.path.starts_with("/bank"));
  }
  std::vector<std::string> fresh = both;
  fresh[0] = "--grid.method=base, lora, mixlora, fresh_experts";
  CHECK(decks.error(fresh).empty());
  for (const char* name : {"ours", "source_best", "uniform"}) {
    std::vector<std::string> more = both;
    more[0] += std::string(", ") + name;
    CHECK_THAT(decks.error(more),
               ContainsSubstring("'bank' is empty") && ContainsSubstring(name));
  }
  // an input of a pool that nothing learns from is no matter
  decks.sets["pools"] = {{"open", {"open.json"}}};
  decks.sets["tasks"][0]["pool"] = "open";
  nlohmann::json open = task_records("open", 30);
  open[0]["input"] = "an input";
  decks.write("open.json", open.dump());
  CHECK(decks.error(both).empty());
}

TEST_CASE("kshot: gates learn what their experts have learnt, where somebody says what that was") {
  Decks decks;
  const std::vector<std::string> gates = {"--model.path=" + model_data("families/llama").string(),
                                          "--lora.targets=q_proj, v_proj, down_proj",
                                          "--grid.method=phatgoose"};
  decks.sets["bank"].push_back({{"name", "mine"}, {"adapter", adapter_data("llama").string()}});
  CHECK_THAT(decks.error(gates), ContainsSubstring("'mine'") && ContainsSubstring("\"train\"") &&
                                     ContainsSubstring("phatgoose_data"));
  std::vector<std::string> shots = gates;
  shots.back() += "_data";
  CHECK(decks.error(shots).empty());
  decks.sets["bank"].back()["train"] = "nowhere.json";
  CHECK(decks.error(shots).empty());  // nobody reads it
  CHECK_THAT(decks.error(gates), ContainsSubstring("nowhere.json"));
  decks.sets["bank"].back()["train"] = "b1.json";
  const auto tuned = keys_of(decks.expand(gates), "tune");
  CHECK(tuned.size() == 2 * 3);
  decks.sets["bank"].back()["examples"] = 5;
  CHECK(keys_of(decks.expand(gates), "tune") != tuned);
  const auto changed = [&](const std::string& setting) {
    std::vector<std::string> more = gates;
    more.push_back(setting);
    return keys_of(decks.expand(more), "tune") != keys_of(decks.expand(gates), "tune");
  };
  CHECK(changed("--phatgoose.steps=7"));
  CHECK(changed("--bank.seed=3"));
  CHECK_FALSE(changed("--moe.epochs=1"));
  CHECK_FALSE(changed("--moe.balance=1"));
}

TEST_CASE("kshot: a deck that names no method has what needs no more than shots and a bank") {
  Decks decks;
  decks.sets["bank"].erase(0);  // no expert of a task of its own
  CHECK(ids(decks.expand({"--grid.method=base, lora, ours", "--bank.evaluate=false"})) ==
        ids(decks.expand_default({"--bank.evaluate=false"})));
}
