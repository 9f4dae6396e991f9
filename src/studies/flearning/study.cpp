#include "flearning.hpp"
#include "stage_run.hpp"

namespace factsweep::flearning {

void FLearningExecutor::run(const Plan& plan, std::size_t index, Workbench& bench) {
  const Stage& stage = plan.stages[index];
  const auto data_set = stage.configuration.at("data_set").get<std::size_t>();
  StageRun run(*deck_, corpora_.at(data_set), abilities_, plan, stage, device_, bench);
  if (stage.kind == "original") return run.original();
  if (stage.kind == "delta") return run.delta();
  if (stage.kind == "search") return run.search();
  if (stage.kind == "forget") return run.forget();
  if (stage.kind == "learn") return run.learn();
  if (stage.kind == "second_moment") return run.second_moment();
  require(stage.kind == "edit", "flearning: unknown kind of stage");
  run.edit();
}

}  // namespace factsweep::flearning
