// Tiny K-shot decks, and what their plans hold.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "expand_deck.hpp"
#include "factsweep/studies/kshot/study.hpp"
#include "task_records.hpp"
#include "tiny_adapter.hpp"

namespace factsweep::test {

/// Every method.
inline const std::string kAll =
    "base, expert_lora, source_best, lora, source_best_sft, upcycling, fresh_experts_shots, "
    "fresh_experts, mixlora, mixlora_data, uniform, lorahub, lorahub_data, smear, arrow, "
    "arrow_trained, phatgoose, phatgoose_data, random, ours";

/// A deck of every method that runs in seconds; `folder` has sets.json. `bank`, `grid`: more of these
/// sections, each line with its end.
inline std::string quick_deck(const std::filesystem::path& folder, const std::string& model,
                              const std::string& bank, const std::string& grid) {
  return "[run]\nstudy = kshot\n[model]\npath = " + model +
         "\n[data]\nsets = " + (folder / "sets.json").string() +
         "\n[augment]\nencoder = " + model_data("../../encoder/data/bert").string() +
         "\n[kshot]\ntemplate = Q: {instruction}{input}\\nA:\nlongest = 64\npool = 3\n"
         "[moe]\nepochs = 2\nlearning_rate = 1e-2\n[train]\nbatch_size = 4\n"
         "[lora]\nrank = 2\nalpha = 2\n[eval]\nmax_new_tokens = 4\n[lorahub]\nevaluations = 2\n"
         "[phatgoose]\nsteps = 4\n[bank]\nepochs = 3\nlearning_rate = 1e-2\n" +
         bank + "[grid]\nshots = 4\nbudget = 3\n" + grid + "method = " + kAll + "\n";
}

class Decks {
 public:
  Decks() {
    for (const char* name : {"one", "two", "b1", "b2", "b3"})
      write_file(folder_ / (std::string(name) + ".json"), task_records(name, 20).dump());
    write_file(folder_ / "one_test.json", task_records("test", 5).dump());
    nlohmann::json open = task_records("open", 30);
    open.push_back(open[0]);                     // once more
    open.push_back(task_records("test", 1)[0]);  // asked by the test
    write_file(folder_ / "open.json", open.dump());
    sets = nlohmann::json::parse(R"({
      "tasks": [{"name": "one", "train": "one.json", "test": "one_test.json", "pool": "open"},
                {"name": "two", "train": "two.json", "hold_out": 4, "pool": "open"}],
      "pools": {"open": ["open.json"]},
      "bank": [{"name": "one", "task": "one"}, {"name": "two", "task": "two"},
               {"name": "b1", "train": "b1.json"}, {"name": "b2", "train": "b2.json"},
               {"name": "b3", "train": "b3.json", "examples": 7}]})");
  }

  Plan expand(const std::vector<std::string>& overrides = {}) const {
    write_file(folder_ / "sets.json", sets.dump());
    return expand_deck(kshot::make_study(), deck() + "method = " + kAll + "\n", overrides).plan;
  }
  /// Without grid.method.
  Plan expand_default(const std::vector<std::string>& overrides) const {
    write_file(folder_ / "sets.json", sets.dump());
    return expand_deck(kshot::make_study(), deck(), overrides).plan;
  }
  void write(const std::string& name, const std::string& text) const {
    write_file(folder_ / name, text);
  }
  std::string error(const std::vector<std::string>& overrides = {}) const {
    return input_error([&] { expand(overrides); });
  }

  nlohmann::json sets;

 private:
  std::string deck() const {
    return "[run]\nstudy = kshot\n[model]\npath = " + model_data("llama-tied").string() +
           "\n[data]\nsets = " + (folder_ / "sets.json").string() +
           "\n[augment]\nencoder = " + model_data("../../encoder/data/bert").string() +
           "\n[kshot]\npool = 4\n[grid]\nshots = 6\nexperts = 3\nbudget = 10\n";
  }

  TemporaryFolder folder_;
};

inline std::map<std::string, int> kinds(const Plan& plan) {
  std::map<std::string, int> counts;
  for (const Stage& stage : plan.stages) ++counts[stage.kind];
  return counts;
}

inline const DatasetSpec& dataset(const Plan& plan, const std::string& path) {
  for (const DatasetSpec& spec : plan.datasets) {
    if (spec.path == path) return spec;
  }
  throw BugError("no dataset " + path);
}

inline std::set<std::string> keys_of(const Plan& plan, const std::string& kind = "") {
  std::set<std::string> list;
  for (const Stage& stage : plan.stages) {
    if (kind.empty() || stage.kind == kind) list.insert(stage.key);
  }
  return list;
}

inline std::set<std::string> ids(const Plan& plan) {
  std::set<std::string> list;
  for (const Point& point : plan.points) list.insert(point.id);
  return list;
}

}  // namespace factsweep::test
