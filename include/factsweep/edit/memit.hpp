// MEMIT: mass-editing memory in a transformer (Meng et al., arXiv 2210.07229), as EasyEdit computes
// it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "factsweep/data/edits.hpp"
#include "factsweep/edit/contexts.hpp"
#include "factsweep/edit/second_moment.hpp"
#include "factsweep/edit/value_search.hpp"
#include "factsweep/edit/weight_delta.hpp"
#include "factsweep/model/work_state.hpp"

namespace factsweep {

struct MemitSettings {
  std::vector<std::int64_t> layers = {4, 5, 6, 7,
                                      8};  // ascending; values are sought after the last
  ValueSettings value;
  double moment_weight = 15000;  // lambda: how much old keys count against new ones
  std::vector<ContextLength> contexts = {{10, 5}};

  /// "paper" (F-Learning, arXiv 2311.08011, appendix A.2.5), "easyedit-llama", "easyedit-gptj".
  /// InputError: another name.
  static MemitSettings preset(std::string_view name);
};

struct MemitEdit {
  std::vector<WeightDelta> deltas;     // one a layer, to be applied together
  std::vector<SearchReport> searches;  // one a record
};

/// One update for all records together. Layer by layer: K [F, M] the keys of the M records, R
/// [D, M] what their values still lack, shared among the layers left; Delta = R ((lambda C + K
/// K^T)^-1 K)^T in float64. A key is the mean of the prompt's own and the mean over the other
/// contexts. `moments` holds every layer of the settings. Errors as Rome's.
MemitEdit memit(const Model& model, const std::vector<EditRecord>& records,
                const std::vector<std::string>& contexts, const SecondMoments& moments,
                const MemitSettings& settings,
                const std::function<void(double, std::int64_t)>& step,
                const WorkKeeper& keeper = {});

}  // namespace factsweep
