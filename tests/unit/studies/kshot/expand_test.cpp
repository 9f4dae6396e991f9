// K-shot expanded on tiny task files: points, stages, what they share, and which decks are
// refused.
#include <algorithm>
#include <map>
#include <set>

#include "decks.hpp"
#include "layout_page.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("docs/layout.md describes every dataset of K-shot") {
  CHECK(undescribed(paths_of(Decks().expand({"--store.deltas=final"}))) ==
        std::vector<std::string>());
}

TEST_CASE("kshot: equal work is one stage") {
  const Decks decks;
  const Plan plan = decks.expand();
  // base, expert_lora and source_best once a task, the 17 others once a draw
  CHECK(plan.points.size() == 2 * (3 + 17 * 3));
  auto count = kinds(plan);
  CHECK(count["bank"] == 5);
  CHECK(count["test"] == 2 * 6);         // base and bank on each task
  CHECK(count["signals"] == 2 * 3 * 5);  // task, draw, adapter
  CHECK(count["similarity"] == 1);
  CHECK(count["best"] == 2);
  CHECK(count["select"] == 2 * 3 * 2);   // by signals for all of them; at random
  CHECK(count["augment"] == 2 * 3 * 2);  // likewise
  CHECK(count["embed"] == 1 + 2 * 3);    // the pool once, the shots of each draw
  CHECK(count["tune"] == 2 * 3 * 17);

  // seeds share all but what draws lots
  auto seeded = kinds(decks.expand({"--grid.seed=1, 2"}));
  for (const char* kind : {"bank", "test", "signals", "similarity", "best", "embed"})
    CHECK(seeded[kind] == count[kind]);
  CHECK(seeded["select"] == 2 * 3 * 3);
  CHECK(seeded["augment"] == 2 * 3 * 3);
  CHECK(seeded["tune"] == 2 * 3 * (14 * 2 + 3));  // uniform, arrow and phatgoose have no seed

  // fewer shots are part of more: signals and embeddings of the largest K serve all
  auto fewer = kinds(decks.expand({"--grid.shots=6, 2, 1"}));
  CHECK(fewer["signals"] == count["signals"]);
  CHECK(fewer["embed"] == count["embed"]);
  CHECK(fewer["tune"] == count["tune"] + 2 * 3 * 2);

  auto packed = kinds(decks.expand({"--bank.packed=3"}));
  CHECK(packed["bank"] == 2);
}

TEST_CASE("kshot: axes one by one, and all combinations") {
  const Decks decks;
  const std::vector<std::string> axes = {
      "--grid.method=ours",  "--grid.task=one",      "--grid.draw=1",
      "--grid.experts=3, 2", "--grid.top_k=2, 1, 3", "--grid.data_selection=cosine, none"};
  CHECK(ids(decks.expand(axes)) ==
        std::set<std::string>{"ours-one-k6-n3-top2-pad-c10-cosine-tau0.9-d1-s1",
                              "ours-one-k6-n2-top2-pad-c10-cosine-tau0.9-d1-s1",
                              "ours-one-k6-n3-top1-pad-c10-cosine-tau0.9-d1-s1",
                              "ours-one-k6-n3-top3-pad-c10-cosine-tau0.9-d1-s1",
                              "ours-one-k6-n3-top2-pad-none-d1-s1"});
  auto all = axes;
  all.push_back("--grid.combine=product");
  CHECK(ids(decks.expand(all)).size() == 2 * (3 + 2));  // k = 3 is above N = 2
  // without open data the budget makes no difference
  all.push_back("--grid.budget=10, 20");
  CHECK(ids(decks.expand(all)).size() == (2 + 1) * (3 + 2));
}

TEST_CASE("kshot: shots, rows and pools of the file") {
  const Decks decks;
  const Plan plan = decks.expand({"--grid.shots=6, 2"});
  CHECK(dataset(plan, "/pools/examples").content.as<std::int64_t>()[0] == 30);
  CHECK(dataset(plan, "/pools/repeated").content.as<std::int64_t>()[0] == 1);
  CHECK(dataset(plan, "/pools/tested").content.as<std::int64_t>()[0] == 1);
  const auto bank = dataset(plan, "/bank/examples").content.as<std::int64_t>();
  CHECK(std::vector(bank.begin(), bank.end()) == std::vector<std::int64_t>{20, 16, 20, 20, 7});
  // two of a draw's shots are among its six, and none of a held-out task's is tested
  const auto rows = dataset(plan, "/selection/shot_row").content.as<std::int64_t>();
  const auto tested = dataset(plan, "/tasks/test_row").content.as<std::int64_t>().subspan(5, 4);
  std::map<std::string, std::set<std::int64_t>> shots;
  for (std::size_t p = 0; p < plan.points.size(); ++p) {
    for (const std::int64_t row : rows.subspan(6 * p, 6)) {
      if (row >= 0) shots[plan.points[p].id].insert(row);
    }
    if (std::get<std::string>(plan.points[p].values[0]) != "two") continue;
    for (const std::int64_t row : tested) CHECK(shots[plan.points[p].id].count(row) == 0);
  }
  const std::string tail = "-n3-top2-pad-c10-cosine-tau0.9-d2-s1";
  const auto few = shots.at("ours-two-k2" + tail), many = shots.at("ours-two-k6" + tail);
  CHECK((few.size() == 2 && many.size() == 6));
  CHECK(std::includes(many.begin(), many.end(), few.begin(), few.end()));
  CHECK(many != shots.at("ours-two-k6-n3-top2-pad-c10-cosine-tau0.9-d1-s1"));
}

TEST_CASE("kshot: what changes a stage's key") {
  Decks decks;
  const auto keys = [&](const std::string& kind, const std::vector<std::string>& overrides) {
    return keys_of(decks.expand(overrides), kind);
  };
  const auto bank = keys("bank", {}), signals = keys("signals", {});
  CHECK(keys("bank", {"--moe.epochs=1", "--grid.tau=0.5", "--eval.batch_tokens=64"}) == bank);
  CHECK(keys("bank", {"--bank.learning_rate=1e-4"}) != bank);
  CHECK(keys("signals", {"--moe.epochs=1"}) == signals);
  CHECK(keys("signals", {"--bank.learning_rate=1e-4"}) != signals);
  CHECK(keys("signals", {"--eval.likelihood=false", "--lorahub.evaluations=3"}) == signals);
  CHECK(keys("test", {"--eval.likelihood=false"}) != keys("test", {}));
  CHECK(keys("tune", {"--eval.test_examples=2"}) != keys("tune", {}));
  for (const char* kind : {"bank", "test", "signals", "select", "embed", "augment"}) {
    const std::vector<std::string> others = {"--moe.epochs=1", "--lorahub.regularization=1",
                                             "--moe.balance=1", "--store.deltas=final"};
    CHECK(keys(kind, others) == keys(kind, {}));
  }
  // what is kept is no other work
  CHECK(keys("tune", {"--store.deltas=final"}) == keys("tune", {}));
  // six of the 17 methods train a mixture with this balance
  const auto tunes = keys("tune", {}), balanced = keys("tune", {"--moe.balance=1"});
  std::vector<std::string> same;
  std::set_intersection(tunes.begin(), tunes.end(), balanced.begin(), balanced.end(),
                        std::back_inserter(same));
  CHECK(same.size() == 2 * 3 * 11);
  decks.sets["bank"][4]["examples"] = 8;
  std::vector<std::string> common;
  const auto other = keys("bank", {});
  std::set_intersection(bank.begin(), bank.end(), other.begin(), other.end(),
                        std::back_inserter(common));
  CHECK(common.size() == 4);
}

TEST_CASE("kshot: open data that are drawn have a seed") {
  const Decks decks;
  const auto drawn = [&](const std::string& selection, const std::string& seed) {
    return keys_of(decks.expand({"--grid.method=lora", "--grid.data_selection=" + selection,
                                 "--grid.seed=" + seed}),
                   "augment");
  };
  for (const char* selection : {"random", "convex", "kde2", "kde10"})
    CHECK(drawn(selection, "1") != drawn(selection, "2"));
  for (const char* selection : {"cosine", "repr_filter", "centroid"})
    CHECK(drawn(selection, "1") == drawn(selection, "2"));
}

TEST_CASE("kshot: shots and experts are taught with reasons") {
  Decks decks;
  const std::vector<std::string> lora = {"--grid.method=lora", "--grid.task=one"};
  const auto tuned = [&](const std::string& teach) {
    std::vector<std::string> overrides = lora;
    if (!teach.empty()) overrides.push_back("--kshot.teach=" + teach);
    return keys_of(decks.expand(overrides), "tune");
  };
  const auto bank = [&] { return keys_of(decks.expand(lora), "bank"); };
  const auto plain = tuned(""), bare = bank();
  CHECK(tuned("answers") == plain);  // there are no reasons
  const auto reasons = [](int rows) {
    std::string lines;
    for (int row = 0; row < rows; ++row) {
      const nlohmann::json line = {{"row", row}, {"output", "a" + std::to_string(row) + ": so"}};
      lines += line.dump() + "\n";
    }
    return lines;
  };
  decks.write("reasons.jsonl", reasons(20));
  decks.sets["tasks"][0]["rationales"] = "reasons.jsonl";
  CHECK(tuned("answers") == plain);
  CHECK(tuned("") != plain);
  CHECK(tuned("reasons") == tuned(""));
  CHECK(bank() == bare);
  // an expert learns them where its entry says so: of the records that have some
  decks.write("few.jsonl", reasons(5));
  decks.write("none.jsonl", R"({"row": 20, "output": "so"})");
  decks.sets["bank"][0]["rationales"] = "reasons.jsonl";
  decks.sets["bank"][2]["rationales"] = "few.jsonl";
  const auto learnt = [&] {
    const Plan plan = decks.expand(lora);
    const auto list = dataset(plan, "/bank/examples").content.as<std::int64_t>();
    return std::vector(list.begin(), list.end());
  };
  CHECK(bank() != bare);
  CHECK(learnt() == std::vector<std::int64_t>{20, 16, 5, 20, 7});
  decks.sets["bank"][0]["rationales"] = "none.jsonl";
  CHECK_THAT(decks.error(lora),
             ContainsSubstring("bank[0]") && ContainsSubstring("none of its 20 examples"));
  decks.write("twice.jsonl", reasons(5) + R"({"row": 4, "output": "so"})");
  decks.sets["bank"][0]["rationales"] = "twice.jsonl";
  CHECK_THAT(decks.error(lora),
             ContainsSubstring("twice.jsonl:6") && ContainsSubstring("row 4 once more"));
  decks.sets["bank"][0]["rationales"] = "nowhere.jsonl";
  CHECK_THAT(decks.error(lora), ContainsSubstring("nowhere.jsonl"));
}

TEST_CASE("kshot: mistakes are named") {
  const Decks good;
  CHECK_THAT(good.error({"--grid.shots=21"}),
             ContainsSubstring("grid.shots") && ContainsSubstring("20 examples"));
  CHECK_THAT(good.error({"--grid.experts=6"}),
             ContainsSubstring("grid.experts") && ContainsSubstring("5 adapters"));
  CHECK_THAT(good.error({"--grid.experts=5"}), ContainsSubstring("kshot.pool = 4"));
  CHECK_THAT(good.error({"--grid.top_k=4"}), ContainsSubstring("grid.top_k"));
  CHECK_THAT(good.error({"--bank.evaluate=false"}), ContainsSubstring("source_best"));
  CHECK_THAT(good.error({"--augment.encoder="}), ContainsSubstring("augment.encoder"));
  CHECK_THAT(good.error({"--kshot.template={input}"}), ContainsSubstring("kshot.template"));
  const auto changed = [](const std::function<void(nlohmann::json&)>& change) {
    Decks decks;
    change(decks.sets);
    return decks.error();
  };
  using Json = nlohmann::json;
  CHECK_THAT(changed([](Json& s) { s["bank"][1]["name"] = "one"; }),
             ContainsSubstring("bank[1]") && ContainsSubstring("once more"));
  CHECK_THAT(changed([](Json& s) { s["bank"][2]["trian"] = 1; }), ContainsSubstring("trian"));
  CHECK_THAT(changed([](Json& s) { s["bank"][0]["task"] = "six"; }), ContainsSubstring("'six'"));
  CHECK_THAT(changed([](Json& s) { s["bank"][2]["task"] = "one"; }),
             ContainsSubstring("bank[2]") && ContainsSubstring("so is 'one'"));
  CHECK_THAT(changed([](Json& s) {
               s["bank"][2] = {{"name", "x"}, {"adapter", "x"}, {"examples", 3}};
             }),
             ContainsSubstring("bank[2]") && ContainsSubstring("'examples' beside 'adapter'"));
  CHECK_THAT(changed([](Json& s) {
               s["tasks"][0]["train"] = {{"file", "one.json"}, {"rows", {0, 1}}};
             }),
             ContainsSubstring("unknown key 'rows'"));
  CHECK_THAT(changed([](Json& s) { s["bank"].erase(0); }), ContainsSubstring("expert_lora"));
  CHECK_THAT(changed([](Json& s) { s["tasks"][0].erase("pool"); }), ContainsSubstring("\"pool\""));
  CHECK_THAT(changed([](Json& s) { s["tasks"][1]["test"] = "one_test.json"; }),
             ContainsSubstring("either 'test'"));
  CHECK_THAT(changed([](Json& s) { s["pools"]["open"] = Json::array({"one_test.json"}); }),
             ContainsSubstring("'open' is empty") && ContainsSubstring("5 ask"));
  CHECK_THAT(changed([](Json& s) { s["tasks"][0]["rationales"] = "nowhere.jsonl"; }),
             ContainsSubstring("nowhere.jsonl"));
}

TEST_CASE("kshot: texts that the vocabulary cannot spell are counted") {
  const Decks decks;
  const auto said = [](const Plan& plan) {
    std::vector<std::string> notes = plan.notes;
    std::erase_if(notes, [](const std::string& note) { return note.find("spell ") == note.npos; });
    return notes;
  };
  CHECK(said(decks.expand()).empty());
  const TemporaryFolder model;
  write_tiny_model(model.path());
  forget_character(model.path(), "3");
  const std::vector<std::string> notes =
      said(decks.expand({"--model.path=" + model.path().string(), "--grid.task=one"}));
  REQUIRE(notes.size() == 2);
  CHECK_THAT(notes[0], ContainsSubstring("one: no tokens") && ContainsSubstring("spell 2 of 20") &&
                           ContainsSubstring("'a3' to 'one 3'"));
  CHECK_THAT(notes[1], ContainsSubstring("spell 1 of 5"));
}

TEST_CASE("kshot: keys do not change from one version to the next unseen") {
  // Another value orphans the result files of K-shot sweeps: say in the commit why it has to be.
  Decks decks;
  decks.sets["bank"].push_back({{"name", "mine"}, {"adapter", adapter_data("llama").string()}});
  const Plan plan = decks.expand({"--model.path=" + model_data("families/llama").string(),
                                  "--lora.targets=q_proj, v_proj, down_proj",
                                  "--grid.method=expert_lora, source_best, ours"});
  std::map<std::string, std::string> first;
  for (const Stage& stage : plan.stages) first.try_emplace(stage.kind, stage.key);
  const std::map<std::string, std::string> known = {
      {"adapter", "36c9d7db96f2b43d"},    {"augment", "942c6ff09a5317b9"},
      {"bank", "d462954e30ef33ba"},       {"best", "bed1ab555108d4a0"},
      {"embed", "521b15ebc24bdb46"},      {"own", "a11c06c79d012ccb"},
      {"select", "bec7f58e30f05fa8"},     {"signals", "fef57d548fec9728"},
      {"similarity", "c9e3489822648f2c"}, {"test", "a5a35960979c1025"},
      {"tune", "c4c55189aa242dec"}};
  CHECK(first == known);
}

TEST_CASE("kshot: shots that are asked in the test, or twice, are taken out or told of") {
  Decks decks;
  nlohmann::json one = task_records("one", 20);
  one[3] = task_records("test", 1)[0];
  one[5]["output"] = "";
  one.push_back(one[7]);
  one.push_back({{"instruction", "one 8"}, {"input", ""}, {"output", "another"}});
  decks.write("one.json", one.dump(1));
  const auto shots = [](const Plan& plan) {
    std::set<std::int64_t> rows;
    for (const std::int64_t row : dataset(plan, "/selection/shot_row").content.as<std::int64_t>())
      rows.insert(row);
    rows.erase(-1);
    return rows;
  };
  const auto expand = [&](int count, const std::string& change = "--run.output=out.h5") {
    return decks.expand({"--grid.method=lora", "--grid.task=one", "--grid.draw=1",
                         "--grid.shots=" + std::to_string(count), change});
  };
  const Plan plan = expand(20);
  std::set<std::int64_t> expected;
  for (std::int64_t row = 0; row < 22; ++row) expected.insert(row);
  expected.erase(3);  // asked by the test
  expected.erase(5);  // bad
  CHECK(shots(plan) == expected);
  std::map<std::string, std::string> said;
  const auto reasons = dataset(plan, "/sources/reason").content.as_text(),
             fates = dataset(plan, "/sources/fate").content.as_text(),
             first = dataset(plan, "/sources/first").content.as_text();
  const auto records = dataset(plan, "/sources/records").content.as<std::int64_t>();
  for (std::size_t i = 0; i < reasons.size(); ++i)
    said[reasons[i]] = fates[i] + " " + std::to_string(records[i]) + first[i].substr(first[i].rfind(": "));
  CHECK(said == std::map<std::string, std::string>{
                    {"the record has an empty 'output'", "left out 1: record 6"},
                    {"asks what a test example asks", "left out 1: record 4"},
                    {"the same as an earlier example", "used 1: record 21"},
                    {"asked again with another output", "used 2: record 22"}});
  CHECK(plan.notes.size() >= 4);
  CHECK_THAT(plan.notes.front(), ContainsSubstring("one.json: 1 record is left out: the record "
                                                   "has an empty 'output' ("));
  CHECK_THAT(input_error([&] { expand(21); }), ContainsSubstring("has 20 examples"));
  CHECK_THAT(input_error([&] { expand(20, "--data.repeated=drop"); }),
             ContainsSubstring("has 17 examples"));
  CHECK(shots(expand(21, "--data.tested=keep")).count(3) == 1);
}

TEST_CASE("kshot: shots that a user chose, in a table of other names") {
  Decks decks;
  decks.write("mine.csv", "frage,antwort\n\"mine, 0\",a0\nmine 1,a1\nmine 2,a2\n");
  decks.sets["tasks"][0]["shots"] = {
      {"file", "mine.csv"}, {"columns", {{"instruction", "frage"}, {"output", "antwort"}}}};
  const std::vector<std::string> overrides = {"--grid.method=lora", "--grid.task=one"};
  const auto with = [&](const std::string& change) {
    std::vector<std::string> all = overrides;
    all.push_back(change);
    return decks.expand(all);
  };
  const Plan plan = with("--grid.shots=2");
  // one draw, whatever grid.draw says, and the first two
  REQUIRE(plan.points.size() == 1);
  const auto rows = dataset(plan, "/selection/shot_row").content.as<std::int64_t>();
  CHECK(std::vector(rows.begin(), rows.end()) == std::vector<std::int64_t>{0, 1});
  CHECK(std::any_of(plan.notes.begin(), plan.notes.end(), [](const std::string& note) {
    return note.find("the first K of those chosen") != std::string::npos;
  }));
  // the bank's own expert still learns the train file
  CHECK(dataset(plan, "/bank/examples").content.as<std::int64_t>()[0] == 20);
  CHECK_THAT(input_error([&] { with("--grid.shots=4"); }),
             ContainsSubstring("has 3 shots of those that you chose"));
  decks.sets["tasks"][0].erase("train");
  CHECK(dataset(with("--grid.shots=2"), "/bank/examples").content.as<std::int64_t>()[0] == 3);
  decks.sets["tasks"][0].erase("shots");
  CHECK_THAT(input_error([&] { decks.expand({}); }), ContainsSubstring("needs 'train'"));
}

TEST_CASE("kshot: a template needs a place for inputs where there are some") {
  Decks decks;
  const std::vector<std::string> bare = {"--grid.method=base", "--kshot.template=Q: {instruction}"};
  CHECK(decks.expand(bare).points.size() == 2);
  nlohmann::json records = task_records("test", 5);
  records[2]["input"] = "an input";
  decks.write("one_test.json", records.dump());
  CHECK_THAT(input_error([&] { decks.expand(bare); }),
             ContainsSubstring("kshot.template") && ContainsSubstring("record 3 has an input"));
}

TEST_CASE("kshot: a deck that does not ask for open data goes without where there are none") {
  Decks decks;
  decks.sets["tasks"][0].erase("pool");
  const std::vector<std::string> silent = {"--grid.method=lora", "--grid.draw=1",
                                           "--grid.budget=1000"};  // the default
  const Plan plan = decks.expand(silent);
  CHECK(ids(plan) == std::set<std::string>{"lora-one-k6-none-d1-s1",
                                           "lora-two-k6-c1000-cosine-tau0.9-d1-s1"});
  CHECK(std::count_if(plan.notes.begin(), plan.notes.end(), [](const std::string& note) {
          return note.find("task 'one': no pool of open data") != std::string::npos;
        }) == 1);
  CHECK_THAT(input_error([&] { decks.expand({"--grid.method=lora", "--grid.draw=1"}); }),
             ContainsSubstring("names no"));
}
