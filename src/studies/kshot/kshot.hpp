// Experts of a task from open knowledge and K examples of it (Yang et al., arXiv 2408.15915):
//   bank(adapters)* -> signals(task, draw, adapter)* -> select(N) -+
//   embed(pool)*, embed_shots(task, draw) -> augment(C, tau) ------+-> tune -> a point
//   bank -> test(task, adapter)* -> best(task)
// sets.cpp: what the study is made of. options.cpp: the deck keys. methods.cpp: the methods.
// grid.cpp: points. plan.cpp: stages. datasets.cpp: what the file holds. *_stage.cpp: the work.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "factsweep/encoder/encoder.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/stage/study.hpp"
#include "sets.hpp"

namespace factsweep::kshot {

/// The deck keys of the study.
void declare(OptionTable& table);

class KShotExecutor : public Executor {
 public:
  Plan expand(const Deck& deck);
  /// The base model, which no stage changes.
  void prepare(const std::string& device) override;
  void run(const Plan& plan, std::size_t stage, Workbench& bench) override;

 private:
  std::unique_ptr<Deck> deck_;
  Sets sets_;
  Model base_;
  std::optional<Encoder> encoder_;  // loaded when a stage asks for it
};

}  // namespace factsweep::kshot
