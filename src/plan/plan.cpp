#include "factsweep/plan/plan.hpp"

#include "factsweep/core/random.hpp"

namespace factsweep {

std::size_t Plan::add_stage(Stage stage) {
  std::uint64_t key = hash_words({hash_text(stage.kind), hash_text(stage.configuration.dump())});
  for (const std::size_t index : stage.upstream) {
    require(index < stages.size(), "Plan::add_stage: a stage may only stand on earlier ones");
    key = hash_words({key, hash_text(stages[index].key)});
  }
  stage.key = hex(key);
  const auto [found, fresh] = stage_of_key_.try_emplace(stage.key, stages.size());
  if (fresh) stages.push_back(std::move(stage));
  return found->second;
}

}  // namespace factsweep
