// What the methods of K-shot ask of a bank and of a deck.
#include "decks.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("kshot: fresh experts need the modules of the bank's") {
  Decks decks;
  decks.sets["bank"] =
      nlohmann::json::array({{{"name", "mine"}, {"adapter", adapter_data("llama").string()}}});
  const std::vector<std::string> llama = {"--model.path=" + model_data("families/llama").string(),
                                          "--grid.method=fresh_experts"};
  CHECK_THAT(decks.error(llama), ContainsSubstring("lora.targets") &&
                                     ContainsSubstring("adapts 4 modules") &&
                                     ContainsSubstring("fresh_experts"));
  std::vector<std::string> alike = llama;
  alike.push_back("--lora.targets=q_proj, v_proj, down_proj");
  // N may be above the bank's size: none of them is of it
  CHECK(decks.expand(alike).points.size() == 2 * 3);
}

TEST_CASE("kshot: adapters that users bring") {
  Decks decks;
  const auto bring = [&](const std::string& name, const std::string& adapter) {
    decks.sets["bank"].push_back({{"name", name}, {"adapter", adapter_data(adapter).string()}});
  };
  std::vector<std::string> llama = {"--model.path=" + model_data("families/llama").string(),
                                    "--lora.targets=q_proj, v_proj, down_proj"};
  bring("mine", "llama");
  for (const std::string method : {"lorahub", "smear"}) {
    std::vector<std::string> sums = llama;
    sums.push_back("--grid.method=base, " + method);
    CHECK_THAT(decks.error(sums), ContainsSubstring("has " + method + ", which adds up") &&
                                      ContainsSubstring("'one' has r = 16") &&
                                      ContainsSubstring("'mine' has r = 4"));
  }
  llama.push_back("--grid.method=base, uniform, arrow, ours");
  const Plan plan = decks.expand(llama);
  CHECK(kinds(plan).at("adapter") == 1);
  CHECK(kinds(plan).at("bank") == 5);
  CHECK(dataset(plan, "/bank/examples").content.as<std::int64_t>()[5] == -1);
  // ranks may differ: the deck's is 16, the adapter's 4
  CHECK(dataset(plan, "/bank/mine/base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight")
            .shape[0] == 4);

  // it is known by what it holds, wherever it lies
  const TemporaryFolder elsewhere;
  std::filesystem::copy(adapter_data("llama"), elsewhere / "copy");
  decks.sets["bank"].back()["adapter"] = (elsewhere / "copy").string();
  CHECK(keys_of(decks.expand(llama)) == keys_of(plan));
  decks.sets["bank"].back()["adapter"] = adapter_data("llama").string();

  // of another base, or of other modules
  CHECK_THAT(decks.error({"--lora.targets=q_proj, v_proj, down_proj", "--grid.method=ours"}),
             ContainsSubstring("data/llama") && ContainsSubstring("another model"));
  bring("patterns", "llama-patterns");
  CHECK_THAT(decks.error(llama), ContainsSubstring("'one'") && ContainsSubstring("'patterns'") &&
                                     ContainsSubstring("differ"));
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
