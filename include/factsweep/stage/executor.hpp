// The executor of a study whose kinds of stage are listed in a table, a line each.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "factsweep/stage/stage_run.hpp"
#include "factsweep/stage/study.hpp"

namespace factsweep {

/// A kind of stage in the table of a study. `Worker` is the study's own: what its stages share.
template <typename Worker>
struct KindOf {
  std::string kind;
  void (*run)(Worker& worker, const Deck& deck, const Plan& plan, std::size_t stage,
              Workbench& bench);
};

/// The table's line of a kind with `void run(Worker&, StageRun&) const`.
template <typename Worker, StageKind K>
KindOf<Worker> kind() {
  return {K::kind, [](Worker& worker, const Deck& deck, const Plan& plan, std::size_t stage,
                      Workbench& bench) {
            const K fields = fields_of<K>(plan.stages.at(stage));
            StageRun run(plan, stage, slice_of(fields, deck), bench);
            fields.run(worker, run);
            run.finish();
          }};
}

/// `Worker` has `std::vector<std::string> check(const Deck&)` and `void prepare(const Deck&, const
/// std::string& device)`.
template <typename Worker>
class TableExecutor : public Executor {
 public:
  TableExecutor(Deck deck, Worker worker, std::vector<KindOf<Worker>> kinds)
      : deck_(std::move(deck)), worker_(std::move(worker)), kinds_(std::move(kinds)) {}

  std::vector<std::string> check() override { return worker_.check(deck_); }
  void prepare(const std::string& device) override { worker_.prepare(deck_, device); }

  void run(const Plan& plan, std::size_t stage, Workbench& bench) override {
    const std::string& wanted = plan.stages.at(stage).kind;
    const auto line = std::find_if(kinds_.begin(), kinds_.end(),
                                   [&](const auto& item) { return item.kind == wanted; });
    require(line != kinds_.end(), "the study has no kind of stage " + wanted);
    line->run(worker_, deck_, plan, stage, bench);
  }

 private:
  const Deck deck_;
  Worker worker_;
  const std::vector<KindOf<Worker>> kinds_;
};

/// A plan, and who computes its stages.
template <typename Worker>
Expansion expansion(Plan plan, const Deck& deck, Worker worker, std::vector<KindOf<Worker>> kinds) {
  return {std::move(plan),
          std::make_unique<TableExecutor<Worker>>(deck, std::move(worker), std::move(kinds))};
}

}  // namespace factsweep
