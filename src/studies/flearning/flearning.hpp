// F-Learning (Ni et al., arXiv 2311.08011): forget the old knowledge by parameter arithmetic before
// learning the new one.
//   original -> delta(full | lora) -> [search ->] forget(lambda) | learn(full | lora)
//   original -> second_moment -> edit(rome | memit)      original -> edit(ft_c)
// options.cpp, check_keys.cpp: the deck keys. methods.cpp: the table of methods. grid.cpp: points.
// plan.cpp: stages and datasets. start.cpp: the weights a stage begins with. *_stage.cpp: the work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/stage/study.hpp"
#include "factsweep/tasks/task.hpp"

namespace factsweep::flearning {

/// InputError: a key that contradicts another, or has no effect.
void check_keys(const Deck& deck);

/// The deck keys of the study.
void declare(OptionTable& table);

class FLearningExecutor : public Executor {
 public:
  Plan expand(const Deck& deck);
  /// Nothing is kept: each stage loads the model that it changes, so that a full fine-tuning never
  /// holds it twice.
  void prepare(const std::string& device) override { device_ = torch::Device(device); }
  void run(const Plan& plan, std::size_t stage, Workbench& bench) override;

 private:
  std::unique_ptr<Deck> deck_;
  std::vector<EditCorpus> corpora_;  // one a file of data.edits
  std::vector<TaskSet> abilities_;
  torch::Device device_ = torch::kCPU;
};

}  // namespace factsweep::flearning
