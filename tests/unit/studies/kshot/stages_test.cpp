// K-shot's kinds of stage in memory, on a tiny model: what has to hold whatever it learns.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "catch.hpp"
#include "decks.hpp"
#include "factsweep/adapter/lora.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/tensors.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/kshot/study.hpp"
#include "factsweep/studies/support/training.hpp"
#include "study_sweep.hpp"
#include "task_records.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

/// Drawn, not trained: the adapter of a user.
LoraAdapter drawn_adapter(const TemporaryFolder& folder) {
  LoraConfig config;
  config.rank = 2;
  config.alpha = 2;
  config.targets.names = {"q_proj", "v_proj"};
  return LoraAdapter::create(config, Weights::load(folder / "model", torch::kFloat32, torch::kCPU),
                             7, "the test");
}

std::string write_inputs(const TemporaryFolder& folder, bool brings, const std::string& reasons) {
  const std::string model = write_tiny_model(folder / "model").string();
  for (const char* name : {"one", "b1", "b2"})
    write_file(folder / (std::string(name) + ".json"), task_records(name, 12).dump());
  write_file(folder / "test.json", task_records("test", 3).dump());
  write_file(folder / "open.json", task_records("open", 10).dump());
  nlohmann::json sets = {
      {"tasks",
       {{{"name", "one"}, {"train", "one.json"}, {"test", "test.json"}, {"pool", "open"}}}},
      {"pools", {{"open", {"open.json"}}}},
      {"bank",
       {{{"name", "one"}, {"task", "one"}},
        {{"name", "b1"}, {"train", "b1.json"}},
        {{"name", "b2"}, {"train", "b2.json"}}}}};
  if (!reasons.empty()) {
    std::string lines;
    for (int row = 0; row < 12; ++row)
      lines += nlohmann::json({{"row", row}, {"output", "a" + reasons}}).dump() + "\n";
    write_file(folder / "reasons.jsonl", lines);
    sets["tasks"][0]["rationales"] = "reasons.jsonl";
  }
  if (brings) {
    drawn_adapter(folder).save(folder / "peft");
    sets["bank"].push_back({{"name", "mine"}, {"adapter", "peft"}});
  }
  write_file(folder / "sets.json", sets.dump());
  return quick_deck(folder.path(), model, "packed = 2\n", "experts = 2\ntop_k = 1\n");
}

class Sweep : public StudySweep {
 public:
  /// `brings`: the bank holds an adapter of a user, "mine", too. `reasons`: of every answer.
  explicit Sweep(const std::vector<std::string>& overrides, bool brings = false,
                 const std::string& reasons = "")
      : StudySweep(
            kshot::make_study(),
            [&](const TemporaryFolder& folder) { return write_inputs(folder, brings, reasons); },
            overrides) {}

  LoraAdapter mine() const { return drawn_adapter(folder_); }
};

/// What a point's stage keeps of weights: the bytes of each tensor.
std::map<std::string, std::string> finals(const Sweep& sweep, const MemoryWorkbench& bench,
                                          const std::string& method) {
  const std::size_t leaf = sweep.leaf(method);
  std::map<std::string, std::string> kept;
  for (const Output& output : sweep.plan.stages[leaf].outputs) {
    if (!output.name.text().starts_with("final/")) continue;
    const auto& bytes = bench.output(leaf, output.name).bytes;
    kept[output.name].assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return kept;
}

}  // namespace

TEST_CASE("every kind of stage fills what it is planned to fill", "[kshot]") {
  const Sweep sweep({"--store.deltas=final"});
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  std::set<std::string> kinds;
  for (const Stage& stage : sweep.plan.stages) kinds.insert(stage.kind);
  CHECK(kinds == std::set<std::string>{"augment", "bank", "best", "embed", "own", "select",
                                       "signals", "similarity", "test", "tune"});
  for (const Point& point : sweep.plan.points) {
    INFO(point.id);
    const double accuracy = bench.output(point.leaf, "/points/accuracy").as<double>()[0];
    const auto right = bench.output(point.leaf, "/outcomes/right").as<std::uint8_t>();
    CHECK(accuracy == Approx(std::count(right.begin(), right.end(), 1) / 3.0));
  }
  for (std::size_t i = 0; i < sweep.plan.stages.size(); ++i) {
    const Stage& stage = sweep.plan.stages[i];
    if (stage.kind == "select") {
      const auto chosen = bench.output(i, "/selection/adapter").as<std::int32_t>();
      CHECK(std::set<std::int32_t>(chosen.begin(), chosen.end()).size() == 2);
      CHECK(*std::min_element(chosen.begin(), chosen.end()) >= 0);
      CHECK(*std::max_element(chosen.begin(), chosen.end()) < 3);
    }
    if (stage.kind == "similarity") {
      const auto cosine = bench.output(i, "/bank/similarity").as<double>();
      REQUIRE(cosine.size() == 9);
      for (std::size_t a = 0; a < 3; ++a) {
        CHECK(cosine[4 * a] == Approx(1));
        for (std::size_t b = 0; b < 3; ++b) CHECK(cosine[3 * a + b] == Approx(cosine[3 * b + a]));
      }
    }
    if (stage.kind == "augment")
      CHECK(bench.output(i, "/points/selected_data").as<std::int64_t>()[0] <= 3);
  }
}

TEST_CASE("a loss that rose is told of every point that comes of it", "[kshot]") {
  constexpr std::int64_t kVocabulary = 64;
  std::set<bool> seen;
  for (const char* rate : {"1e-2", "1"}) {  // the former ends above guessing still
    INFO(rate);
    const Sweep sweep({"--grid.method=base, expert_lora, lora, uniform", "--grid.draw=1",
                       std::string("--bank.learning_rate=") + rate});
    const MemoryWorkbench bench = sweep.run();
    const auto is_told = [&](const std::string& method) {
      return values<std::uint8_t>(bench, sweep.leaf(method), "/points/loss_rose")[0] == 1;
    };
    const auto of_bank = [&](const std::string& name) {
      for (std::size_t i = 0; i < sweep.plan.stages.size(); ++i) {
        if (sweep.plan.stages[i].find_output("/bank/loss/" + name) == nullptr) continue;
        const bool rose =
            loss_rose(values<double>(bench, i, "/bank/loss/" + name), kVocabulary);
        CHECK((values<std::uint8_t>(bench, i, "/bank/loss_rose/" + name)[0] == 1) == rose);
        return rose;
      }
      throw BugError("no adapter " + name);
    };
    const std::string bank[] = {"one", "b1", "b2"};
    bool of_chosen = false;
    for (const std::int32_t row :
         values<std::int32_t>(bench, sweep.first("select"), "/selection/adapter"))
      of_chosen = of_bank(bank[row]) || of_chosen;
    CHECK_FALSE(is_told("base"));
    CHECK(is_told("expert_lora") == of_bank("one"));
    CHECK(is_told("uniform") == of_chosen);
    CHECK(is_told("lora") ==
          loss_rose(values<double>(bench, sweep.leaf("lora"), "/curves/loss"), kVocabulary));
    seen.insert(of_bank("one"));
  }
  CHECK(seen.size() == 2);
}

TEST_CASE("Arrow's experts are trained, and its routers are not", "[kshot]") {
  const Sweep sweep(
      {"--grid.method=arrow, arrow_trained", "--grid.draw=1", "--store.deltas=final"});
  const MemoryWorkbench bench = sweep.run();
  const std::size_t plain = sweep.leaf("arrow"), trained = sweep.leaf("arrow_trained");
  int routers = 0, experts = 0;
  for (const Output& output : sweep.plan.stages[plain].outputs) {
    if (!output.name.text().starts_with("final/")) continue;
    INFO(output.name.text());
    const bool is_router = output.name.text().ends_with("router.weight");
    const bool same =
        bench.output(plain, output.name).bytes == bench.output(trained, output.name).bytes;
    CHECK(same == is_router);
    ++(is_router ? routers : experts);
  }
  CHECK((routers > 0 && experts == 4 * routers));  // A and B of two experts
}

TEST_CASE("fresh experts differ, copies of the best begin alike", "[kshot]") {
  const Sweep sweep({"--grid.method=fresh_experts_shots, upcycling", "--grid.draw=1",
                     "--store.deltas=final", "--moe.learning_rate=0"});
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  const auto are_alike = [&](const std::string& method) {
    const std::size_t leaf = sweep.leaf(method);
    for (const Output& output : sweep.plan.stages[leaf].outputs) {
      const std::size_t place = output.name.text().find("experts.0.lora_A");
      if (place == std::string::npos) continue;
      std::string other = output.name;
      other.replace(place, 9, "experts.1");
      return bench.output(leaf, output.name).bytes == bench.output(leaf, other).bytes;
    }
    throw BugError("no experts of " + method);
  };
  CHECK_FALSE(are_alike("fresh_experts_shots"));
  CHECK(are_alike("upcycling"));
}

TEST_CASE("MixLoRA is a mixture of fresh experts whose load is balanced", "[kshot]") {
  const auto kept = [](const std::string& method, const std::string& balance) {
    const Sweep sweep({"--grid.method=" + method, "--grid.draw=1", "--store.deltas=final",
                       "--moe.learning_rate=1e-3", "--mixlora.balance=" + balance});
    MemoryWorkbench bench(sweep.plan);
    bench.run_all(*sweep.executor);
    return finals(sweep, bench, method);
  };
  const auto fresh = kept("fresh_experts_shots", "0.01");
  REQUIRE(!fresh.empty());
  CHECK((kept("mixlora", "0") == fresh));
  CHECK((kept("mixlora", "0.5") != fresh));
  CHECK((kept("mixlora_data", "0") == kept("fresh_experts", "0")));
}

TEST_CASE("PHATGOOSE's experts are the bank's, and each has a gate of its own", "[kshot]") {
  const Sweep sweep(
      {"--grid.method=arrow, phatgoose, phatgoose_data", "--grid.draw=1", "--store.deltas=final"});
  MemoryWorkbench bench(sweep.plan);
  bench.run_all(*sweep.executor);
  const auto arrow = finals(sweep, bench, "arrow"), own = finals(sweep, bench, "phatgoose");
  const auto common = finals(sweep, bench, "phatgoose_data");
  REQUIRE(own.size() == arrow.size());
  for (const auto& [name, bytes] : own) {
    INFO(name);
    const bool is_router = name.ends_with("router.weight");
    CHECK((bytes == arrow.at(name)) == !is_router);
    CHECK((bytes == common.at(name)) == !is_router);
    if (!is_router) continue;
    const std::size_t inputs = bytes.size() / sizeof(float) / 2;  // of two experts, standardised
    const std::span rows(reinterpret_cast<const float*>(bytes.data()), 2 * inputs);
    for (std::size_t i = 0; i < 2; ++i) {
      double sum = 0, squares = 0;
      for (const float value : rows.subspan(i * inputs, inputs)) {
        sum += value;
        squares += value * value;
      }
      CHECK(sum == Approx(0).margin(1e-5));
      CHECK(squares == Approx(1).epsilon(1e-5));
    }
    CHECK_FALSE(std::equal(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(inputs),
                           rows.begin() + static_cast<std::ptrdiff_t>(inputs)));
  }
  // the same gate wherever its expert is selected
  const Sweep again(
      {"--grid.method=phatgoose", "--grid.draw=1", "--store.deltas=final", "--grid.top_k=2"});
  MemoryWorkbench other(again.plan);
  other.run_all(*again.executor);
  CHECK((finals(again, other, "phatgoose") == own));
}

TEST_CASE("SMEAR merges all of its experts for each question", "[kshot]") {
  const Sweep sweep({"--grid.method=smear", "--grid.draw=1", "--store.deltas=final"});
  MemoryWorkbench bench(sweep.plan);
  bench.run_all(*sweep.executor);
  CHECK(bench.missing() == "");
  const std::size_t leaf = sweep.leaf("smear");
  const auto share = bench.output(leaf, "/moe/share").as<float>();
  REQUIRE(!share.empty());
  for (std::size_t i = 0; i < share.size(); i += 2) {
    CHECK(share[i] + share[i + 1] == Approx(1));
    CHECK((share[i] > 0 && share[i] < 1));
  }
  CHECK(sweep.plan.points.front().id.find("-top") == std::string::npos);
  const std::string config = bench.output(leaf, "about/mixture_config").as_text().at(0);
  CHECK(config.find("\"routing\": \"merged\"") != std::string::npos);
}

TEST_CASE("training sees the shots with their reasons", "[kshot]") {
  // longer than kshot.longest with its reasons, not without
  for (const auto& [teach, cut] : {std::pair{"reasons", 4}, std::pair{"answers", 0}}) {
    const Sweep sweep({"--grid.method=lora", "--grid.draw=1", "--grid.data_selection=none",
                       std::string("--kshot.teach=") + teach},
                      false, std::string(80, 'x'));
    const MemoryWorkbench bench = sweep.run();
    CHECK(bench.output(sweep.leaf("lora"), "/points/shortened").as<std::int64_t>()[0] == cut);
  }
}

TEST_CASE("a user's adapter is taken over as it is, and used as those of the bank", "[kshot]") {
  const Sweep sweep({"--grid.method=uniform, arrow", "--grid.signals=a"}, /*brings=*/true);
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  const auto stage = std::find_if(sweep.plan.stages.begin(), sweep.plan.stages.end(),
                                  [](const Stage& item) { return item.kind == "adapter"; });
  REQUIRE(stage != sweep.plan.stages.end());
  const auto index = static_cast<std::size_t>(stage - sweep.plan.stages.begin());
  CHECK(bench.output(index, "/bank/usable/mine").as<std::uint8_t>()[0] == 1);
  for (const auto& [name, tensor] : sweep.mine().named()) {
    INFO(name);
    CHECK((bench.output(index, "mine/" + name).bytes == to_array(tensor, DType::float32).bytes));
  }
}

TEST_CASE("stopped and continued, banks and mixtures are the uninterrupted ones", "[kshot]") {
  const std::string method = GENERATE("ours", "phatgoose_data", "smear");
  const Sweep sweep({"--grid.method=" + method, "--grid.draw=1", "--store.deltas=final"});
  const MemoryWorkbench whole = sweep.run();
  for (std::size_t stage = 0; stage < sweep.plan.stages.size(); ++stage) {
    const std::string& kind = sweep.plan.stages[stage].kind;
    if (kind != "bank" && kind != "tune") continue;
    const std::int64_t steps = sweep.steps(whole, stage);
    for (const std::int64_t stop : {0, 2, 4})  // what was done is not done again
      CHECK(sweep.check_continued(whole, stage, stop) <= steps - stop);
    sweep.check_seconds(whole, stage, 2);
  }
}
