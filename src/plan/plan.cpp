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

std::string Plan::key_of(Stage& stage) const {
  nlohmann::json& configuration = stage.configuration;
  const bool has_science = !stage.science.is_null();
  if (has_science) configuration["deck"] = std::move(stage.science);
  std::uint64_t key = hash_words({hash_text(stage.kind), hash_text(configuration.dump())});
  if (has_science) configuration.erase("deck");
  stage.science = nullptr;
  for (const std::size_t index : stage.upstream) {
    require(index < stages.size(), "Plan: a stage may only depend on earlier ones");
    key = hash_words({key, hash_text(stages[index].key)});
  }
  return hex(key);
}

std::size_t Plan::add_stage(Stage stage) {
  stage.key = key_of(stage);
  const auto [found, fresh] = stage_of_key_.try_emplace(stage.key, stages.size());
  if (fresh) stages.push_back(std::move(stage));
  return found->second;
}

}  // namespace factsweep
