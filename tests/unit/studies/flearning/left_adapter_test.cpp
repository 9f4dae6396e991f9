// What a point of LoRA leaves: an adapter where no part of its model was trained whole.
#include <algorithm>
#include <cmath>
#include <string>

#include "catch.hpp"
#include "factsweep/adapter/lora_config.hpp"
#include "factsweep/core/file.hpp"
#include "factsweep/studies/flearning/study.hpp"
#include "study_sweep.hpp"
#include "tiny_directory.hpp"

using namespace factsweep;
using namespace factsweep::test;

namespace {

std::string write_lora_deck(const TemporaryFolder& folder) {
  nlohmann::json records = nlohmann::json::array();
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    records.push_back({{"subject", "person" + number},
                       {"prompt", "The town of person" + number + " is"},
                       {"ground_truth", "old" + number},
                       {"target_new", "new" + number}});
  }
  write_file(folder / "edits.json", records.dump());
  return "[run]\nstudy = flearning\n[model]\npath = " + write_tiny_model(folder / "model").string() +
         "\n[data]\nedits = " + (folder / "edits.json").string() +
         "\n[train]\nbatch_size = 2\n[lora]\nrank = 3\nalpha = 12\n"
         "[forget]\nlora_learning_rate = 1e-2\n[learn]\nlora_learning_rate = 1e-2\n"
         "[store]\ndeltas = final\n[grid]\nlambda_lora = 0.5\nlayers = 1\n";
}

class LoraSweep : public StudySweep {
 public:
  explicit LoraSweep(const std::vector<std::string>& overrides)
      : StudySweep(flearning::make_study(), write_lora_deck, overrides) {}

  std::string model() const { return (folder_ / "model").string(); }
  std::vector<std::string> texts(const std::string& path) const {
    for (const DatasetSpec& spec : plan.datasets) {
      if (spec.path == path) return spec.content.as_text();
    }
    return {};
  }
  /// Folder under /deltas whose rows are of this stage.
  std::string group_of(std::size_t stage) const {
    for (const Output& output : plan.stages[stage].outputs) {
      const std::string path = output.places.empty() ? "" : output.places.front().path.text();
      if (const std::size_t end = path.find("/final/"); end != path.npos) return path.substr(0, end);
    }
    return "";
  }
};

/// Norm of scale B A, of the term with this number of so many of rank 3: its columns of B and rows
/// of A.
double norm_of(const MemoryWorkbench& bench, std::size_t stage, const std::string& module,
               std::size_t term, std::size_t terms, double scale) {
  const std::string name = "final/base_model.model.model.layers." + module;
  const auto A = values<float>(bench, stage, name + ".lora_A.weight"),
             B = values<float>(bench, stage, name + ".lora_B.weight");
  const std::size_t ranks = 3 * terms, side = A.size() / ranks;
  double sum = 0;
  for (std::size_t row = 0; row < B.size() / ranks; ++row) {
    for (std::size_t i = 0; i < side; ++i) {
      double element = 0;
      for (std::size_t k = 3 * term; k < 3 * (term + 1); ++k)
        element += static_cast<double>(B[row * ranks + k]) * A[k * side + i];
      sum += scale * scale * element * element;
    }
  }
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("a point of LoRA alone leaves an adapter, of what it forgets and of what it learns",
          "[flearning]") {
  const LoraSweep sweep({"--original.train=off",
                     "--grid.method=lora, forget_lora, f_learning_lora, f_learning_lora_ft"});
  CHECK_THAT(sweep.plan.kept, Catch::Matchers::ContainsSubstring("the weights of 1 point (") &&
                                  Catch::Matchers::ContainsSubstring("the adapters of 3 points ("));
  const MemoryWorkbench bench = sweep.run();
  CHECK(bench.missing() == "");
  constexpr double kScale = 12.0 / 3;
  const std::vector<std::string> modules = sweep.texts("/norms/module");
  const auto norm = [&](std::size_t stage, const std::string& of, std::size_t layer,
                        const std::string& module) {
    const auto place = std::find(modules.begin(), modules.end(), module) - modules.begin();
    return values<float>(bench, stage, "/norms/" + of)
        .at(layer * modules.size() + static_cast<std::size_t>(place));
  };
  for (const std::string method : {"lora", "forget_lora", "f_learning_lora"}) {
    INFO(method);
    const std::size_t stage = sweep.leaf(method);
    const bool forgets = method != "lora", learns = method != "forget_lora";
    const std::size_t terms = forgets && learns ? 2 : 1;
    const LoraConfig config =
        LoraConfig::parse(sweep.texts(sweep.group_of(stage) + "/about/adapter_config").at(0), "kept");
    CHECK(config.rank == static_cast<std::int64_t>(3 * terms));
    CHECK(config.alpha == 12.0 * static_cast<double>(terms));
    CHECK(config.base_model == sweep.model());
    for (const std::size_t layer : {0, 1}) {
      for (const std::string module : {"self_attn.q_proj", "self_attn.v_proj"}) {
        const std::string name = std::to_string(layer) + "." + module;
        if (forgets) {
          const double forgotten = norm_of(bench, stage, name, 0, terms, kScale);
          CHECK((forgotten > 0) == (layer == 1));  // grid.layers
          CHECK(forgotten == Approx(norm(stage, "forget", layer, module)).margin(1e-7));
        }
        if (learns) {
          const double learnt = norm_of(bench, stage, name, terms - 1, terms, kScale);
          CHECK(learnt > 0);
          CHECK(learnt == Approx(norm(stage, "learn", layer, module)));
        }
      }
    }
  }
  // forgetting has the sign that it is subtracted with
  const std::string tensor = "final/base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight";
  const auto old = values<float>(bench, sweep.first("delta"), tensor),
             subtracted = values<float>(bench, sweep.leaf("forget_lora"), tensor);
  for (std::size_t i = 0; i < old.size(); ++i) CHECK(subtracted[i] == Approx(-0.5 * old[i]));
}

TEST_CASE("what lies on an Original model that was trained whole is kept whole, and says why",
          "[flearning]") {
  const LoraSweep sweep({"--grid.method=original, ft, lora, forget_lora, f_learning_lora"});
  CHECK_THAT(sweep.plan.kept, Catch::Matchers::ContainsSubstring("the weights of 4 points ("));
  for (const std::string method : {"ft", "lora", "forget_lora", "f_learning_lora"}) {
    INFO(method);
    const std::size_t stage = sweep.leaf(method);
    CHECK(sweep.plan.stages[stage].find_output("final/model.norm.weight") != nullptr);
    const std::vector<std::string> why =
        sweep.texts(sweep.group_of(stage) + "/about/" + kNoAdapter);
    CHECK(why.empty() == (method == "ft"));
    if (!why.empty())
      CHECK_THAT(why.at(0), Catch::Matchers::ContainsSubstring("original.train = off"));
  }
}
