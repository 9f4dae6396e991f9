// Which modules an adapter adapts: PEFT's rules for target_modules, exclude_modules,
// layers_to_transform, rank_pattern and alpha_pattern.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "factsweep/adapter/lora_config.hpp"
#include "factsweep/core/error.hpp"
#include "pattern.hpp"

namespace factsweep {
namespace {

bool is_named(const std::string& module, const std::string& name) {
  return module == name || module.ends_with("." + name);
}

class Choice {
 public:
  Choice(const ModuleFilter& filter, const std::string& where) : filter_(filter) {
    if (!filter.pattern.empty()) pattern_.emplace(filter.pattern, Pattern::Extent::whole, where);
  }
  bool holds(const std::string& module) const {
    if (pattern_) return pattern_->matches(module);
    return std::any_of(filter_.names.begin(), filter_.names.end(),
                       [&](const std::string& name) { return is_named(module, name); });
  }

 private:
  const ModuleFilter& filter_;
  std::optional<Pattern> pattern_;
};

/// The first pattern that matches the end of a module's name, from a dot on.
template <typename Value>
class Overrides {
 public:
  Overrides(const std::vector<std::pair<std::string, Value>>& list, Value fallback,
            const std::string& where)
      : fallback_(fallback) {
    for (const auto& [pattern, value] : list) {
      patterns_.emplace_back(
          Pattern(fmt::format("(.*\\.)?({})", pattern), Pattern::Extent::whole, where), value);
    }
  }
  Value of(const std::string& module) const {
    for (const auto& [pattern, value] : patterns_) {
      if (pattern.matches(module)) return value;
    }
    return fallback_;
  }

 private:
  std::vector<std::pair<Pattern, Value>> patterns_;
  const Value fallback_;
};

/// layers_to_transform and layers_pattern. They do not bind a module that is named in full.
class Layers {
 public:
  Layers(const LoraConfig& config, const std::string& where) : config_(config) {
    for (const std::string& pattern : config.layers_pattern) {
      patterns_.emplace_back(fmt::format(R"((?:^|.*?\.){}\.(?P<idx>\d+)\.)", pattern),
                             Pattern::Extent::beginning, where);
    }
  }
  bool hold(std::int64_t layer, const std::string& module) const {
    const auto& names = config_.targets.names;
    if (config_.layers.empty() || std::find(names.begin(), names.end(), module) != names.end())
      return true;
    // a name has one number, so without patterns it is the layer's
    const bool numbered =
        patterns_.empty() || std::any_of(patterns_.begin(), patterns_.end(),
                                         [&](const Pattern& one) { return one.matches(module); });
    return numbered &&
           std::find(config_.layers.begin(), config_.layers.end(), layer) != config_.layers.end();
  }

 private:
  const LoraConfig& config_;
  std::vector<Pattern> patterns_;
};

/// "model.layers.0.self_attn.q_proj, ...": the linears of the first block.
std::string existing(const ModelConfig& base) {
  std::string list;
  for (const LinearModule& module : linear_modules(base, 0))
    list += (list.empty() ? "" : ", ") + module.name;
  return fmt::format("{} (layers 0 to {})", list, base.layers - 1);
}

/// Everything that holds tensors and is no linear of a block.
std::set<std::string> other_modules(const ModelConfig& base) {
  std::set<std::string> names = {"lm_head"};  // a tied one has no tensor
  for (const auto& [tensor, shape] : tensor_shapes(base)) names.insert(module_name(base, tensor));
  for (std::int64_t layer = 0; layer < base.layers; ++layer) {
    for (const LinearModule& module : linear_modules(base, layer)) names.erase(module.name);
  }
  return names;
}

}  // namespace

std::vector<LoraTarget> find_targets(const LoraConfig& config, const ModelConfig& base,
                                     const std::string& where, bool strict) {
  const Choice targets(config.targets, where), excluded(config.excluded, where);
  const Layers layers(config, where);
  const Overrides<std::int64_t> ranks(config.rank_pattern, config.rank, where);
  const Overrides<double> alphas(config.alpha_pattern, config.alpha, where);
  std::vector<LoraTarget> found;
  std::set<std::string> unused(config.targets.names.begin(), config.targets.names.end());
  // a module that is saved whole is not adapted
  const std::vector<std::string> saved = find_saved(config, base, where).list();
  for (const std::string& module : saved)
    std::erase_if(unused, [&](const std::string& name) { return is_named(module, name); });
  for (std::int64_t layer = 0; layer < base.layers; ++layer) {
    for (LinearModule& module : linear_modules(base, layer)) {
      std::erase_if(unused, [&](const std::string& name) { return is_named(module.name, name); });
      if (!config.targets.all_linear && !targets.holds(module.name)) continue;
      if (excluded.holds(module.name) || !layers.hold(layer, module.name)) continue;
      const std::int64_t rank = ranks.of(module.name);
      const auto r = static_cast<double>(rank);
      const double scale = alphas.of(module.name) / (config.rslora ? std::sqrt(r) : r);
      found.push_back({std::move(module), rank, scale});
    }
  }
  for (const std::string& name : other_modules(base)) {
    if (!targets.holds(name) || excluded.holds(name) ||
        std::find(saved.begin(), saved.end(), name) != saved.end())
      continue;
    const std::vector<std::string> heads = head_modules(base);
    const bool can_be_saved =
        name == module_name(base, tensor_shapes(base).front().first) ||
        std::find(heads.begin(), heads.end(), name) != heads.end();
    throw InputError(fmt::format(
        "{}: '{}' is chosen, but only the linears of blocks can be adapted: {}.{}", where, name,
        existing(base),
        can_be_saved && !strict ? " Of embedding and head the adapter can hold all (PEFT's "
                                  "modules_to_save), which is trained in place of A and B."
                                : ""));
  }
  if (found.empty() || (strict && !unused.empty())) {
    const std::string what = unused.empty() ? "" : fmt::format(": '{}'", *unused.begin());
    throw InputError(fmt::format("{}{} matches no module of {}. Its linears: {}.", where, what,
                                 base.architecture, existing(base)));
  }
  return found;
}

}  // namespace factsweep
