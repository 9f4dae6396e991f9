#include "factsweep/plan/plan.hpp"

#include <algorithm>
#include <utility>

#include "factsweep/core/random.hpp"

namespace factsweep {

std::string_view name(Role role) {
  switch (role) {
    case Role::axis:
      return "axis";
    case Role::metric:
      return "metric";
    case Role::time:
      return "time";
    case Role::text:
      return "text";
  }
  throw BugError("a role without a name");
}

const Output* Stage::find_output(std::string_view wanted) const {
  const auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [&](const Output& output) { return output.name == wanted; });
  return found == outputs.end() ? nullptr : &*found;
}

std::size_t Plan::add_stage(Stage stage) {
  const bool reads_deck = !stage.science.is_null();
  if (reads_deck) stage.configuration["deck"] = std::exchange(stage.science, nullptr);
  std::uint64_t key = hash_words({hash_text(stage.kind), hash_text(stage.configuration.dump())});
  for (const std::size_t index : stage.upstream) {
    require(index < stages.size(), "Plan::add_stage: a stage may only depend on earlier ones");
    key = hash_words({key, hash_text(stages[index].key)});
  }
  stage.key = hex(key);
  if (reads_deck) stage.configuration.erase("deck");
  const auto [found, fresh] = stage_of_key_.try_emplace(stage.key, stages.size());
  if (fresh) stages.push_back(std::move(stage));
  return found->second;
}

}  // namespace factsweep
