// FT: Adam on the down projection of chosen layers alone, and FT-c, which keeps every weight within
// a distance of where it began (Zhu et al., arXiv 2012.00363), as EasyEdit computes it.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "factsweep/data/edits.hpp"
#include "factsweep/edit/weight_delta.hpp"
#include "factsweep/model/model.hpp"
#include "factsweep/model/work_state.hpp"

namespace factsweep {

enum class FtObjective {
  prompt_last,  // EasyEdit's FT-L: after the prompt every token of the answer at once
  target_new,   // FT-M: the answer, teacher-forced
};

struct FtSettings {
  std::vector<std::int64_t> layers = {21};
  FtObjective objective = FtObjective::prompt_last;
  double learning_rate = 5e-4;
  std::int64_t epochs = 25;     // over all records
  std::int64_t batch_size = 1;  // records an Adam step
  double bound = 0;             // largest change of a weight after each step; 0: none
  double stop_loss = 1e-2;      // a batch below makes no step, an epoch whose mean is below ends

  /// "paper" (F-Learning, arXiv 2311.08011, appendix A.2.3; it names no bound: ROME's 5e-5),
  /// "easyedit-llama", "easyedit-gptj". InputError: another name.
  static FtSettings preset(std::string_view name);
};

/// The matrices are float32 while they are trained, whatever the model is: most weights of a matrix
/// have no bfloat16 neighbour within the usual bounds. What edited() gives in float32 is the
/// trained matrix, and keeps the bound exactly. Errors as Rome::edit(); a record needs no subject.
struct FtEdit {
  std::vector<WeightDelta> deltas;
  double loss = 0;  // mean over the last epoch, each batch before its step
  std::int64_t epochs = 0;
};
FtEdit ft_c(const Model& model, const std::vector<EditRecord>& records, const FtSettings& settings,
            const std::function<void(double, std::int64_t)>& step, const WorkKeeper& keeper = {});

}  // namespace factsweep
