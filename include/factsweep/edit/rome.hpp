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
#include "factsweep/model/work_state.hpp"

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

/// ROME on models of one kind. The moment is factored once, however many edits follow.
class Rome {
 public:
  /// `like`: has the layers, and lies on the device, of the models to be edited. `contexts`: what
  /// sample_contexts() gives, "{}" first. `moments`: of the layer; unread without
  /// moment_adjustment. InputError: the model has no such layer (named), moments that cannot be
  /// inverted (too little text).
  Rome(const Model& like, std::vector<std::string> contexts, const SecondMoments& moments,
       RomeSettings settings);

  /// InputError: a prompt without its subject, an answer without tokens. edit() would find it, too,
  /// but only when it comes to that record.
  void check(const Model& model, const std::vector<EditRecord>& records) const;

  /// One update for each record, all from the same weights. step(share done, tokens) after every
  /// pass of a search. InputError: a record whose prompt lacks its subject (named by its number in
  /// the file). std::runtime_error: a loss that is not finite, with record and step.
  std::vector<RomeEdit> edit(const Model& model, const std::vector<EditRecord>& records,
                             const std::function<void(double, std::int64_t)>& step) const;

  /// One edit after the other, each on the weights that those before it left: the model with all of
  /// them, which shares all but one matrix with `model`.
  Weights edit_in_sequence(const Model& model, const std::vector<EditRecord>& records,
                           const std::function<void(double, std::int64_t)>& step,
                           const WorkKeeper& keeper = {}) const;

 private:
  RomeSettings settings_;
  std::vector<std::string> contexts_;
  torch::Tensor lower_FF_;  // Cholesky factor of the moment; undefined without moment_adjustment
};

}  // namespace factsweep
