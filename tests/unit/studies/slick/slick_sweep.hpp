// A study of one relation and a tiny model, whose stages are ready to run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "facts.hpp"
#include "factsweep/studies/slick/study.hpp"
#include "study_sweep.hpp"
#include "tiny_directory.hpp"

namespace factsweep::test {

inline std::string write_slick_inputs(const TemporaryFolder& folder, int answers) {
  write_facts(folder.path(), answers);
  return "[run]\nstudy = slick\n[model]\npath = " + write_tiny_model(folder / "model").string() +
         "\n[data]\nrelations = P1\nood_relations = P2\nfacts = " + folder.path().string() +
         "\n[label]\nquestions_per_relation = 12\ntest_questions_per_relation = 4\n"
         "exemplar_sets = 2\nshots = 1\nchunk = 8\nsamples = 5\n"
         "[slick]\ntrain_size = 4\nsize_rule = known_unknown\ndev_questions_per_relation = 3\n"
         "[train]\nepochs = 3\nbatch_size = 2\nlearning_rate = 1e-2\n"
         "[grid]\nunknown_ratio = 0.5\n";
}

/// A study of one relation.
class SlickSweep : public StudySweep {
 public:
  explicit SlickSweep(const std::vector<std::string>& overrides = {}, int answers = 1)
      : StudySweep(
            slick::make_study(),
            [=](const TemporaryFolder& folder) { return write_slick_inputs(folder, answers); },
            overrides) {}

  std::filesystem::path model() const { return folder_ / "model"; }

  /// Known and unknown by turns, whatever the model knows.
  void plant_labels(MemoryWorkbench& bench) const {
    for (std::size_t i = 0; i < plan.stages.size(); ++i) {
      if (plan.stages[i].kind != "label") continue;
      const Output& category = *plan.stages[i].find_output("/labels/base/category");
      std::vector<std::uint8_t> values(category.places[0].count[0]);
      for (std::size_t row = 0; row < values.size(); ++row) values[row] = row % 2 == 0 ? 0 : 3;
      bench.plant(i, category.name, Array::of(values));
    }
    bench.run(*executor, first("labelled"));
  }
};

}  // namespace factsweep::test
