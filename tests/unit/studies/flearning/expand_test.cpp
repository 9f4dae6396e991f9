// F-Learning's plan (what is trained once) and its parameter arithmetic.

#include <map>
#include <set>

#include "../../../../src/studies/flearning/flearning.hpp"
#include "../../../../src/studies/flearning/grid.hpp"
#include "../../../../src/studies/flearning/weights_arithmetic.hpp"
#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/model/torch.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "tiny_model.hpp"

using namespace factsweep;
using namespace factsweep::test;
using flearning::LayerRange;
using flearning::Term;

namespace {

class Decks {
 public:
  Decks() {
    nlohmann::json records = nlohmann::json::array();
    for (int i = 0; i < 6; ++i) {
      const std::string number = std::to_string(i);
      records.push_back({{"case_id", i},
                         {"subject", "person" + number},
                         {"prompt", "The town of person" + number + " is"},
                         {"rephrase_prompt", "person" + number + " lives in"},
                         {"ground_truth", "old" + number},
                         {"target_new", i == 5 ? "old5" : "new" + number},
                         {"locality_prompt", "The sea is"},
                         {"locality_ground_truth", "blue"}});
    }
    write_file(folder_.path() / "edits.json", records.dump());
    write_file(folder_.path() / "text.txt", "a text\n");
  }

  Plan expand(const std::vector<std::string>& overrides) const {
    const std::string text =
        "[run]\nstudy = flearning\n[model]\npath = " + model_data("llama-tied").string() +
        "\n[data]\nedits = " + (folder_.path() / "edits.json").string() +
        "\n[edit]\nlayers = 0, 1\ntext = " + (folder_.path() / "text.txt").string() + "\n";
    return expand_deck(*flearning::make_study(), text, overrides).plan;
  }

 private:
  TemporaryFolder folder_;
};

std::map<std::string, int> kinds(const Plan& plan) {
  std::map<std::string, int> count;
  for (const Stage& stage : plan.stages) ++count[stage.kind];
  return count;
}

std::string message(const Decks& decks, const std::vector<std::string>& overrides) {
  try {
    decks.expand(overrides);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

constexpr const char* kEight = "--grid.lambda=0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1";

}  // namespace

TEST_CASE("eight lambdas cost ten trainings, and two when nothing is learned", "[flearning]") {
  const Decks decks;
  const Plan learned = decks.expand({kEight, "--grid.method=f_learning_ft"});
  CHECK(learned.points.size() == 8);
  CHECK(kinds(learned) == std::map<std::string, int>{{"original", 1}, {"delta", 1}, {"learn", 8}});
  const Plan forgotten = decks.expand({kEight, "--grid.method=forget_ft"});
  CHECK(kinds(forgotten) ==
        std::map<std::string, int>{{"original", 1}, {"delta", 1}, {"forget", 8}});
  // the same delta serves learning and forgetting, and each seed has its own
  const Plan both = decks.expand(
      {kEight, "--grid.method=forget_ft, f_learning_ft, original, ft", "--grid.seed=1, 2"});
  CHECK(kinds(both) ==
        std::map<std::string, int>{{"original", 2}, {"delta", 2}, {"forget", 16}, {"learn", 18}});
}

TEST_CASE("editors share the second moments, and the search is a stage of its own", "[flearning]") {
  const Decks decks;
  const Plan editors =
      decks.expand({"--grid.method=ft_c, memit", "--edit.presets=paper, easyedit-llama"});
  CHECK(kinds(editors) ==
        std::map<std::string, int>{{"original", 1}, {"edit", 4}, {"second_moment", 1}});
  const Plan searched = decks.expand(
      {"--grid.method=forget_lora, f_learning_lora, f_learning_lora_ft", "--search.locality=0.9"});
  CHECK(kinds(searched) ==
        std::map<std::string, int>{
            {"original", 1}, {"delta", 1}, {"search", 1}, {"forget", 2}, {"learn", 4}});
}

TEST_CASE("records that teach nothing are left out, and what cannot be is an error",
          "[flearning]") {
  const Decks decks;
  const Plan plan = decks.expand({});
  CHECK(std::get<std::int64_t>(plan.points.front().values[6]) == 5);
  CHECK(message(decks, {"--data.records=6"}).find("has 5 usable records") != std::string::npos);
  CHECK(message(decks, {"--grid.layers=1-7"}).find("no range of the model's layers") !=
        std::string::npos);
  CHECK(message(decks, {"--grid.lambda=nan"}).find("grid.lambda") != std::string::npos);
  CHECK(message(decks, {"--lora.rank=4"}).find("has no effect") != std::string::npos);
  CHECK(message(decks, {"--flearning.train_template=Question:"}).find("has no {prompt}") !=
        std::string::npos);
}

TEST_CASE("a sum of terms is rounded once", "[flearning]") {
  torch::NoGradGuard no_grad;
  const Weights base = Weights::load(model_data("llama-tied"), torch::kBFloat16, torch::kCPU);
  const auto thousandth = [](const std::string&, at::IntArrayRef shape) {
    return torch::full(shape, 1e-3F);
  };
  Weights sum = base.clone(torch::kBFloat16);
  std::vector<Term> terms(2);
  terms[0].delta = terms[1].delta = thousandth;
  terms[1].factor = 0.25;
  flearning::add_terms(sum, terms);
  const NamedTensors before = base.named(), after = sum.named();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const torch::Tensor right =
        (before[i].second.to(torch::kFloat32) + 1e-3F + 0.25 * 1e-3F).to(torch::kBFloat16);
    CHECK(torch::equal(after[i].second, right));
  }
}

TEST_CASE("a range of layers forgets alone, and an adapter's term is its merge", "[flearning]") {
  torch::NoGradGuard no_grad;
  const Weights base = Weights::load(model_data("llama-tied"), torch::kFloat32, torch::kCPU);
  LoraConfig config;
  config.rank = 2;
  config.targets.names = {"q_proj", "v_proj"};
  const LoraAdapter adapter = LoraAdapter::create(config, base, 1, "test");
  for (const auto& [name, tensor] : adapter.parameters()) tensor.normal_();
  Weights merged = base.clone(torch::kFloat32), sum = base.clone(torch::kFloat32);
  adapter.merge(merged);
  std::vector<Term> terms(1);
  terms[0].adapter = adapter;
  flearning::add_terms(sum, terms);
  CHECK(torch::allclose(sum.layers[0].linears[dense::qkv].weight,
                        merged.layers[0].linears[dense::qkv].weight, 1e-5, 1e-6));
  CHECK_FALSE(torch::equal(sum.layers[0].linears[dense::qkv].weight,
                           base.layers[0].linears[dense::qkv].weight));

  Weights second = base.clone(torch::kFloat32);
  terms[0].range = LayerRange::parse("1", base.config.layers, "test");
  flearning::add_terms(second, terms);
  CHECK(torch::equal(second.layers[0].linears[dense::qkv].weight,
                     base.layers[0].linears[dense::qkv].weight));
  CHECK(torch::equal(second.layers[1].linears[dense::qkv].weight,
                     sum.layers[1].linears[dense::qkv].weight));
  terms[0] =
      Term{.factor = -2,
           .delta = [](const std::string&, at::IntArrayRef shape) { return torch::ones(shape); },
           .adapter = {},
           .range = LayerRange::parse("0-0", base.config.layers, "test")};
  Weights first = base.clone(torch::kFloat32);
  flearning::add_terms(first, terms);
  CHECK(torch::allclose(first.layers[0].linears[dense::down].weight,
                        base.layers[0].linears[dense::down].weight - 2));
  CHECK(torch::equal(first.layers[1].linears[dense::down].weight,
                     base.layers[1].linears[dense::down].weight));
  CHECK(torch::equal(first.embedding, base.embedding));
}

TEST_CASE("norms of one order of models are not those of another") {
  const Decks decks;
  const std::string llama = model_data("llama-tied").string(),
                    gpt2 = model_data("families/gpt2").string();
  const auto keys = [](const Plan& plan, const std::string& kind) {
    std::set<std::string> all;
    for (const Stage& stage : plan.stages) {
      if (stage.kind == kind) all.insert(stage.key);
    }
    return all;
  };
  const Plan one = decks.expand({"--grid.model=" + llama + ", " + gpt2, "--grid.method=ft"}),
             other = decks.expand({"--grid.model=" + gpt2 + ", " + llama, "--grid.method=ft"});
  const std::set<std::string> first = keys(one, "learn"), second = keys(other, "learn");
  REQUIRE(first.size() == 2);
  REQUIRE(second.size() == 2);
  for (const std::string& key : first) CHECK(second.count(key) == 0);
}
