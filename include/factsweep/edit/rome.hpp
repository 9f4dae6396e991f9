// ROME: rank-one model editing (Meng et al., arXiv 2202.05262), as EasyEdit computes it.
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

namespace factsweep {

struct RomeSettings {
  std::int64_t layer = 5;
  ValueSettings value;
  bool moment_adjustment = false;  // u = C^-1 k; without: u = k
  /// The update maps the mean key over all contexts to the value (EasyEdit since 2024; Gupta et
  /// al., arXiv 2403.07175). Without: the prompt's own key, though u comes from the mean, as in
  /// ROME's first code.
  bool mean_key = true;
  std::vector<ContextLength> contexts = {{5, 10}, {10, 10}};

  /// "paper" (F-Learning, arXiv 2311.08011, appendix A.2.4), "easyedit-llama", "easyedit-gptj".
  /// InputError: another name.
  static RomeSettings preset(std::string_view name);
};

/// A rank-one update: left right^T.
struct RomeEdit {
  std::int64_t layer = 0;
  torch::Tensor left_D, right_F;  // float32
  SearchReport search;

  WeightDelta delta() const;
};

/// One update for each record, all from the same weights: with a reset between edits, apply each to
/// the original; without, call with one record at a time and the weights edited so far. `contexts`:
/// what sample_contexts() gives, "{}" first. `moments`: of that layer; unread without
/// moment_adjustment. step(share done, tokens) after every pass of a search. InputError: the model
/// has no such layer (named), a record whose prompt lacks its subject (named by row), moments that
/// cannot be inverted (too little text). std::runtime_error: a loss that is not finite, with row
/// and step.
std::vector<RomeEdit> rome(const Model& model, const std::vector<EditRecord>& records,
                           const std::vector<std::string>& contexts, const SecondMoments& moments,
                           const RomeSettings& settings,
                           const std::function<void(double, std::int64_t)>& step);

}  // namespace factsweep
